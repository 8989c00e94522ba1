"""The sample files of docs/interfaces, made by the code that writes the real ones.

``python -m tests.interface_samples`` writes them.
"""

import io
import json
import zipfile
from datetime import date
from hashlib import sha256
from pathlib import Path

from pipelines.intake.layouts import load_layout
from pipelines.link.manifest import Acknowledgement, Manifest
from pipelines.link.parties._zengin import read_batch, write_result
from pipelines.outputs import zengin
from pipelines.outputs.rehearsal_samples import (
    Sample,
    sample_forms,
    sample_name,
    sample_payments,
)
from pipelines.programme import ROOT, Programme, load_programme
from pipelines.steps.form_profile import form_profile

FOLDER = ROOT / "docs" / "interfaces" / "samples"
DAY = date(2020, 6, 1)
_CLAIM = {
    "申請受付番号": "M9999999901", "申請日時": "2020-06-01T09:00:00", "申請区分": "新規", "申請者氏名": "見本　一郎",
    "申請者カナ": "ミホン　イチロウ", "申請者生年月日": "19000101", "申請者住所": "新宿区新宿０丁目０番０号",
    "証明書シリアル番号": "00", "受付番号": "P9999999901", "受付年月日": "20200601", "消印年月日": "20200530",
    "世帯番号": "9999999901", "金融機関コード": "9999", "支店コード": "999", "預金種目": "1", "口座番号": "0000001",
    "口座名義カナ": "ミホン　リハーサル", "添付数": "0",
}  # fmt: skip
_MEMBER = {
    "申請受付番号": "M9999999901", "受付番号": "P9999999901", "連番": "1", "行": "1", "氏名": "見本　一郎",
    "生年月日": "19000101", "給付希望": "希望する",
}  # fmt: skip


def samples() -> dict[str, bytes]:
    """Path below the samples' folder -> its bytes."""
    forms, payments = sample_forms(form_profile(programme())), bank_sample()
    batch = read_batch(payments.payload)
    answers = [(transfer, code) for code, transfer in enumerate(batch.transfers)]
    return {
        "contractor/forms.csv": forms.payload,
        "contractor/postal_claims.csv": _table("shinjuku/postal_claims", 0, _CLAIM),
        "contractor/postal_members.csv": _table("shinjuku/postal_claims", 1, _MEMBER),
        "bank/payments.txt": payments.payload,
        "bank/result.txt": write_result(batch, answers),
        "jlis/mynaportal.zip": _archive(),
        "manifest.json": _manifest(payments),
        "acknowledgement.json": _acknowledgement(payments),
        "day.json": json.dumps({"day": str(DAY), "files": ["mynaportal_20200601.zip"]}, sort_keys=True).encode(),
    }  # fmt: skip


def programme() -> Programme:
    """Shinjuku's, as the samples are made by it."""
    return load_programme(ROOT / "programmes" / "shinjuku-2020.toml")


def bank_sample() -> Sample:
    """With the programme's own header, as on the 1st of June."""
    bank = programme().bank
    header = zengin.Header(
        client_code=bank.client_code, client_name=bank.client_name_kana, transfer_mmdd="0603", bank_code=bank.bank_code,
        branch_code=bank.branch_code, account_type=bank.account_type, account_number=bank.account_number,
        bank_name=bank.bank_name_kana, branch_name=bank.branch_name_kana,
    )  # fmt: skip
    return sample_payments(header, zengin.Profile(bank.line_break, bank.max_records))


def _table(layout: str, number: int, values: dict[str, str]) -> bytes:
    found = load_layout(layout)
    headers = list(list(found.tables.values())[number].columns)
    lines = (headers, [values.get(header, "") for header in headers])
    return "".join(",".join(line) + "\r\n" for line in lines).encode(found.encoding)


def _archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for number, name in enumerate(("applications.csv", "members.csv")):
            member = zipfile.ZipInfo(name, (2020, 6, 1, 9, 0, 0))
            member.external_attr = 0o600 << 16
            archive.writestr(
                member, _table("shinjuku/mynaportal", number, (_CLAIM, _MEMBER)[number])
            )
    return out.getvalue()


def _manifest(sample: Sample) -> bytes:
    digest = sha256(sample.payload).hexdigest()
    return Manifest(
        name=sample_name(sample, DAY, 1), kind="rehearsal", business_date=DAY, records=sample.records,
        sum_yen=sample.sum_yen, sha256=digest, sealed_sha256="0" * 64, sealed_bytes=0, programme="shinjuku-2020",
        unpayable=True, audit_number=1, audit_hash="0" * 64,
    ).to_bytes()  # fmt: skip


def _acknowledgement(sample: Sample) -> bytes:
    digest = sha256(sample.payload).hexdigest()
    return Acknowledgement(
        sample_name(sample, DAY, 1), digest, sample.records, sample.sum_yen, accepted=True, reason=""
    ).to_bytes()  # fmt: skip


def write(folder: Path = FOLDER) -> None:
    """Write them all."""
    for name, content in samples().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    write()
