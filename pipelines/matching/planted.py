"""Planted claims: a tiny household world with known answers, matched by the same SQL before every real match.

Ids begin with PLANT; a CHECK keeps them out of the ledger.
"""

from collections.abc import Mapping

import pyarrow as pa

from pipelines.matching.relations import CLAIM, EARLIER, MEMBER, NEWCOMER, PERSON
from pipelines.programme import Programme

# household, person, head?, protected?, died?, state
_PEOPLE = (
    ("1", "11", True, False, False, "unclaimed"), ("1", "12", False, False, False, "unclaimed"),
    ("2", "21", True, False, False, "unclaimed"), ("2", "22", False, True, False, "unclaimed"),
    ("3", "31", True, False, False, "unclaimed"), ("3", "32", False, False, False, "paid"),
    ("4", "41", True, False, False, "unclaimed"), ("5", "51", True, False, True, "unclaimed"),
    ("5", "52", False, False, False, "unclaimed"), ("6", "61", True, False, False, "unclaimed"),
    ("7", "71", True, False, False, "unclaimed"), ("8", "81", True, False, False, "unclaimed"),
)  # fmt: skip
# claim, household, applicant, account, lines (+ deficient, late)
_CLAIMS = (
    ("A1", "1", "11", "1", ("11", "12"), ""),  # clean
    ("A2", "1", "11", "1", ("11",), ""),  # the same again: a duplicate that changes nothing
    ("B1", "2", "21", "2", ("21", "22"), ""),  # a protected member on the head's claim
    ("C1", "3", "31", "3", ("31", "32"), ""),  # a member who is paid
    ("D1", "4", "41", "4", ("41", "99"), ""),  # a line that is nobody
    ("D2", "4", "41", "5", ("41",), ""),  # the same person, another account
    ("E1", "5", "52", "6", ("52",), ""),  # the head died
    ("F1", "6", "61", "7", ("61",), "late"),
    ("G1", "7", "71", "8", ("71",), "deficient"),
    ("H1", "8", "81", "2", ("81",), ""),  # household 2's account
)
_EXPECTED_PEOPLE = {
    "11": ("approved", ""), "12": ("approved", ""), "21": ("held", "ACCOUNT_SHARED"), "31": ("approved", ""),
    "41": ("held", "DUPLICATE_CLAIM"), "52": ("held", "HEAD_DIED"), "61": ("held", "LATE"),
    "71": ("claimed", "DEFICIENT"), "81": ("held", "ACCOUNT_SHARED"),
}  # fmt: skip
_EXPECTED_FINDINGS = {
    ("B1", "MEMBER_PROTECTED"), ("C1", "MEMBER_PAID"), ("D1", "MEMBER_NOT_FOUND"), ("E1", "HEAD_DIED"),
    ("F1", "LATE"), ("G1", "DEFICIENT"), ("B1", "ACCOUNT_SHARED"), ("H1", "ACCOUNT_SHARED"),
}  # fmt: skip


def _id(number: str) -> str:
    return f"PLANT{number}"


def relations(programme: Programme) -> dict[str, pa.Table]:
    """The planted world as the relations of `pipelines.matching.claims`."""
    people = [
        {
            "person_id": _id(p), "resident_id": _id(p), "household_id": _id(h), "name_key": _id(p), "alias_key": None,
            "family_key": _id(p), "given_key": _id(p), "kana_key": _id(p), "loose_kana_key": _id(p),
            "date_key": f"1980{p.zfill(4)}", "address_key": _id(h), "state": state, "claim_id": None,
            "is_head": head, "protected": protected, "died": died,
        }
        for h, p, head, protected, died, state in _PEOPLE
    ]  # fmt: skip
    in_time, late = (
        f"{programme.claims.deadline:%Y%m%d}",
        f"{programme.claims.deadline.year + 1}0101",
    )
    claims = [
        {
            "claim_id": _id(c), "channel": "postal", "arrival": in_time,
            "effective_on": late if flaw == "late" else in_time,
            "claim_kind": "new", "household_id": _id(h), "name_key": _id(p), "kana_key": _id(p),
            "loose_kana_key": _id(p), "date_key": f"1980{p.zfill(4)}", "holder_key": _id(p), "proxy_kind": "",
            "account_key": account, "account_fault": False, "yucho_converted": False, "deficient": flaw == "deficient",
        }
        for c, h, p, account, _, flaw in _CLAIMS
    ]  # fmt: skip
    members = [
        {
            "claim_id": _id(c),
            "line": str(n),
            "name_key": _id(p),
            "date_key": f"1980{p.zfill(4)}",
            "not_wanted": False,
        }
        for c, _, _, _, lines, _ in _CLAIMS
        for n, p in enumerate(lines, start=1)
    ]
    return {
        "person": pa.Table.from_pylist(people, PERSON), "claim": pa.Table.from_pylist(claims, CLAIM),
        "member": pa.Table.from_pylist(members, MEMBER), "newcomer": NEWCOMER.empty_table(),
        "earlier_claim": EARLIER.empty_table(),
    }  # fmt: skip


def differences(people: Mapping[str, tuple[str, str]], findings: set[tuple[str, str]]) -> list[str]:
    """What the match got wrong about the planted world; empty when it found exactly what was planted."""
    expected = {_id(p): answer for p, answer in _EXPECTED_PEOPLE.items()}
    wanted = {(_id(c), code) for c, code in _EXPECTED_FINDINGS}
    wrong = [p for p in sorted(expected.keys() | people.keys()) if expected.get(p) != people.get(p)]
    return wrong + [f"{c}:{code}" for c, code in sorted(wanted ^ findings)]
