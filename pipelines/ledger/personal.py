"""Which columns of the ledger are about people, and when they are erased: every column stands in one list or the other.

A programme's rows keep their shape after an erasure, so that everybody and every yen still add up: a number that names
a person or a household becomes a keyed digest, anything else is emptied. Rows of the protection store are deleted.
"""

from enum import StrEnum

RETAINED = "(消去済み)"  # what stands where a text must not be empty


class Class(StrEnum):
    """Classes of data, each with its own end in the programme's [retention]; in the order in which they are erased."""

    ATTACHMENTS = "attachments"
    RAW_INPUTS = "raw_inputs"
    QUARANTINE = "quarantine"
    STAGING = "staging"
    OUTGOING_COPIES = "outgoing_copies"
    PROTECTIONS = "protections"
    CLAIM_DETAILS = "claim_details"
    PAYMENT_RECORDS = "payment_records"
    BACKUPS = "backups"


CLASSES_JA = {
    Class.ATTACHMENTS: "申請の添付書類",
    Class.RAW_INPUTS: "受け取ったファイルの原本",
    Class.QUARANTINE: "受入を保留した行",
    Class.STAGING: "取り込んだ表(基準日の住民情報・申請など)",
    Class.OUTGOING_COPIES: "外部へ送ったデータの写し",
    Class.PROTECTIONS: "福祉部門などの名簿と保護の記録",
    Class.CLAIM_DETAILS: "台帳の申請・追加対象者の個人情報",
    Class.PAYMENT_RECORDS: "支払の記録(宛先・住民番号)",
    Class.BACKUPS: "バックアップ",
}


class How(StrEnum):
    """How a column is erased."""

    PERSON = "person"  # a person's id: its keyed digest
    MAYBE_PERSON = "maybe_person"  # the same, where a person's id stands among other words
    HOUSEHOLD = "household"  # a household's number: its keyed digest
    NULL = "null"
    EMPTY = "empty"
    TOLD = "told"  # says that it was erased
    IDS_INSIDE = "ids_inside"  # JSON: the ids in it become their digests


_P, _C = Class.PAYMENT_RECORDS, Class.CLAIM_DETAILS

# Tables whose rows go as a whole.
DELETED = {
    "protection": Class.PROTECTIONS,
    "braille_holder": Class.PROTECTIONS,
    "unlinked_row": Class.PROTECTIONS,
    "former_whereabouts": Class.PROTECTIONS,
}

# (table, column) -> (class, how)
PERSONAL: dict[tuple[str, str], tuple[Class, How]] = {
    ("entitlement", "person_id"): (_P, How.PERSON),
    ("entitlement", "resident_id"): (_P, How.NULL),
    ("entitlement", "household_id"): (_P, How.HOUSEHOLD),
    ("entitlement_event", "person_id"): (_P, How.PERSON),
    ("addition", "person_id"): (_P, How.PERSON),
    **{
        ("addition", name): (_C, How.EMPTY)
        for name in (
            "name_kanji", "name_kana", "relationship", "birth_date", "postal_code", "address", "address_supplement",
            "head_name_kanji",
        )
    },
    ("addition", "date_key"): (_C, How.NULL),
    ("claim", "household_id"): (_P, How.HOUSEHOLD),
    ("claim", "applicant_id"): (_P, How.PERSON),
    **{
        ("claim", name): (_C, How.NULL)
        for name in (
            "certificate_serial", "bank_code", "branch_code", "account_type", "account_number", "account_holder_kana",
        )
    },
    ("finding", "person_id"): (_P, How.PERSON),
    ("finding", "line"): (_P, How.MAYBE_PERSON),
    **{
        ("payment", name): (_P, How.EMPTY)
        for name in ("bank_code", "branch_code", "account_type", "account_number", "payee_kana")
    },
    ("payment_item", "person_id"): (_P, How.PERSON),
    ("recovery", "person_id"): (_P, How.PERSON),
    ("recovery_entry", "person_id"): (_P, How.PERSON),
    ("hold_decision", "person_id"): (_P, How.PERSON),
    ("mailing", "addressee_id"): (_P, How.PERSON),
    ("mailing_person", "person_id"): (_P, How.PERSON),
    ("mail_reissue", "reason"): (_P, How.TOLD),
    ("municipal_notice", "person_id"): (_P, How.PERSON),
    ("hold_reason", "reason"): (_P, How.TOLD),
    ("money_decision", "content"): (_P, How.IDS_INSIDE),
    ("money_reason", "reason"): (_P, How.TOLD),
}  # fmt: skip

# Texts that say nothing about anybody: codes, names of files and runs, hashes, ids of claims and payments, who decided.
PLAIN: dict[str, frozenset[str]] = {
    table: frozenset(columns.split())
    for table, columns in {
        "snapshot": "source_sha256",
        "entitlement": "source state claim_id codes form_route",
        "entitlement_event": "from_state to_state cause reference codes",
        "addition": "evidence",
        "claim": "claim_id channel kind supersedes_id outcome proxy_kind",
        "finding": "claim_id code severity",
        "batch": "batch_id account_hash content_hash file_name state drafter route",
        "payment": "payment_key batch_id claim_id follows result result_code",
        "payment_item": "payment_key",
        "recovery": "payment_key cause",
        "recovery_entry": "payment_key receipt actor",
        "unreconciled_result": "source_sha256 fault source_name payment_key result result_code closed_by",
        "late_return": "payment_key result_code source_sha256",
        "deficiency_letter": "payment_key",
        "money_decision": "subject",
        "money_reason": "subject actor",
        "account_check": "file_name answer claim_id query_key",
        "cash_order": "claim_id",
        "cash_receipt": "payment_key receipt actor",
        "mailing": "mailing_id kind way reference release_name",
        "mailing_person": "mailing_id",
        "mail_return": "mailing_id reason actor",
        "mail_reissue": "mailing_id actor done_by",
        "claim_letter": "claim_id",
        "municipal_letter": "name municipality sha256 posted_by receipt_number",
        "municipal_notice": "letter",
        "handler_roster": "party content certificate_sha256 actor",
        "handler_confirmation": "party organisation what content_sha256 evidence actor",
        "incident": "party kind what actor",
        "incident_step": "step actor note",
        "approval": "subject actor subject_hash decision",
        "hold_decision": "hold_id claim_id codes data_hash decision paid_claim_id",
        "hold_reason": "hold_id actor",
        "sending_stop": "actor reason",
        "sending_resume": "actor reason",
        "release": "name disclosure recipient medium basis fields sha256 scanned_for state sealed_sha256",
        "intake_file": "dataset outcome reason",
        "refusal": "subject reason",
        "step": "name result",
        "audit": "event actor subject detail previous hash",
        "erasure": "drafter content state certificate_sha256",
        "erasure_part": "part told",
        "erasure_request": "party name certificate_sha256",
    }.items()
}
