"""Planted claims: a small town with known answers, matched by the same SQL before every real match.

It has each finding that matching makes, and beside it what looks alike and is none. Ids begin with PLANT; a CHECK keeps
them out of the ledger.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipelines.matching.relations import CLAIM, EARLIER, MEMBER, NEWCOMER, PERSON
from pipelines.programme import Programme

# Person h.n lives in household h. Marks: head, protected, died; twin=: the name, birth date and reading of that one.
# state: unclaimed unless told; by=: the earlier claim.
_PEOPLE = """
    1.1 head                   | 1.2
    2.1 head                   | 2.2 protected
    3.1 head                   | 3.2 state=paid by=Z3          | 3.3 state=elsewhere   | 3.4 state=ineligible
    3.5 state=lapsed
    4.1 head
    5.1 head died              | 5.2
    6.1 head
    7.1 head
    8.1 head
    9.1 head                   | 9.2                           | 9.3
    10.1 head protected        | 10.2
    11.1 head                  | 11.2
    13.1 head
    14.1 head
    15.1 head
    16.1 head
    17.1 head
    18.1 head                  | 18.2
    19.1 head
    20.1 head state=held by=Z20      | 20.2 state=held by=Z20+v002
    21.1 head state=claimed by=Z21   | 21.2 state=paid by=Z21
    22.1 head
    23.1 head
    24.1 head state=held by=Z24
    25.1 head
    26.1 head
    28.1 head state=returned by=Z28
    29.1 head state=held by=Z29
    30.1 head
    31.1 head
    32.1 head                  | 33.1 head twin=32.1           | 34.1 head             | 35.1 head
    36.1 head protected state=held by=Z36 | 36.2
    37.1 head                  | 37.2 protected                | 38.1 head
"""
# claim, channel, kind, named claim | household, applicant | account | lines, "!" behind who is not wanted | further
_CLAIMS = """
    A1 postal new         | 1 1.1   | a  | 1.1 1.2                 |
    A2 postal new         | 1 1.1   | a  | 1.1                     |
    B1 postal new         | 2 2.1   | b  | 2.1 2.2                 |
    C1 postal new         | 3 3.1   | c  | 3.1 3.2 3.3 3.4 3.5 3.9 |
    D1 postal new         | 4 4.1   | d  | 4.1 99.9 1.1            |
    D2 postal new         | 4 4.1   | d2 | 4.1                     |
    E1 postal new         | 5 5.2   | e  | 5.2                     |
    F1 postal new         | 6 6.1   | f  | 6.1                     | late
    G1 postal new         | 7 7.1   | g  | 7.1                     | deficient
    H1 postal new         | 8 8.1   | b  | 8.1                     |
    I1 postal new         | 9 9.1   | i  | 9.1 9.2!                |
    J1 postal new         | 10 10.1 | j  | 10.1 10.2               |
    J2 inhouse new        | 10 10.1 | j2 | 10.1                    |
    K1 postal new         | 11 11.2 | k  | 11.2 11.1               |
    L1 postal new         | 99 99.1 | l  | 1.1                     |
    M1 online new         | - 13.1  | m  | 13.1                    | certificate=s
    M2 online new         | - 14.1  | m2 | 14.1                    | certificate=s
    M3 online new         | - 15.1  | m3 | 15.1                    | certificate=z
    N1 postal new         | 16 16.1 | n  | 16.1                    | holder=1.1
    O1 postal new         | 17 17.1 | -  | 17.1                    |
    P1 postal new         | 18 18.1 | p  | 18.1 18.2               | converted proxy=legal holder=98.1
    Q1 postal new         | 19 19.1 | q  | 19.1                    | proxy=household holder=98.2
    R1 postal correction Z20 | 20 20.1 | r  | 20.1                 |
    S1 postal withdrawal Z21 | 21 21.1 | -  |                      |
    T1 postal new         | 22 22.1 | -  | 22.1                    |
    T2 postal correction T1  | 22 22.1 | t  | 22.1                 |
    U1 postal new         | 23 23.1 | u  | 23.1                    |
    U2 postal withdrawal U1  | 23 23.1 | -  |                      |
    V1 postal correction Z24 | 25 25.1 | v  | 25.1                 |
    V2 postal withdrawal Z24 | 25 25.1 | -  |                      |
    V3 postal withdrawal Z36 | 36 36.2 | -  |                      |
    W1 postal new         | 26 26.1 | w  | 26.1                    |
    X1 postal correction Z28 | 28 28.1 | x  | 28.1                 |
    Y1 postal new         | 29 29.1 | y  | 29.1                    |
    AA postal new         | 30 30.1 | aa | 30.1                    | proxy=household holder=30.1
    AB online new         | - 31.1  | ab | 31.1                    | unlike-name
    AC online new         | - 32.1  | ac | 32.1                    |
    AD postal new         | 34 34.1 | ad | 34.1                    | proxy=facility holder=97.1
    AE postal new         | 35 35.1 | ad | 35.1                    | proxy=facility holder=97.1
    AF inhouse new        | 37 37.2 | af | 37.2                    | proxy=household holder=37.1
    AG postal correction AG  | 38 38.1 | ag | 38.1                 |
"""
# claim | household, applicant | account | certificate | outcome | supplemented claim
_EARLIER = """
    Z3      | 3 3.1   | z3 | - | paid       | -
    Z15     | 7 7.1   | z  | z | duplicate  | -
    Z20     | 20 20.1 | z0 | - | held       | -
    Z20+v002 | 20 20.1 | z0 | - | held      | Z20
    Z21     | 21 21.1 | z1 | - | deficient  | -
    Z24     | 24 24.1 | z4 | - | held       | -
    Z26     | 27 27.1 | w  | - | paid       | -
    Z28     | 28 28.1 | z8 | - | paid       | -
    Z29     | 29 29.1 | z9 | - | held       | -
    Z36     | 36 36.1 | z6 | - | held       | -
    Z31     | 31 31.2 | a  | - | superseded | -
"""
_NEWCOMERS = (("3", "3.9"),)  # household, whose birth date
# person: state, codes. Whoever is not named here is not decided.
_DECIDED = """
    1.1 approved | 1.2 approved | 3.1 approved | 10.1 approved | 18.1 approved | 18.2 approved | 20.1 approved
    22.1 approved | 28.1 approved | 30.1 approved | 31.1 approved | 32.1 approved | 9.1 approved
    34.1 approved | 35.1 approved | 38.1 approved
    2.1 held ACCOUNT_SHARED | 8.1 held ACCOUNT_SHARED | 26.1 held ACCOUNT_SHARED
    4.1 held DUPLICATE_CLAIM | 5.2 held HEAD_DIED | 6.1 held LATE | 7.1 claimed DEFICIENT
    9.2 declined MEMBER_NOT_WANTED | 10.2 held HEAD_PROTECTED | 11.1 held NOT_HEAD | 11.2 held NOT_HEAD
    13.1 held SAME_CERTIFICATE | 14.1 held SAME_CERTIFICATE | 15.1 held SAME_CERTIFICATE
    37.2 held ACCOUNT_NOT_CLAIMANT
    16.1 held ACCOUNT_NOT_CLAIMANT | 17.1 held ACCOUNT_INVALID | 19.1 held PROXY_NOT_MEMBER | 25.1 held NOT_OWN_CLAIM
    20.2 unclaimed | 21.1 unclaimed
"""
# claim: outcome, findings
_CLAIMS_END = """
    A1 paid | A2 duplicate DUPLICATE_CLAIM MEMBER_OMITTED
    B1 held MEMBER_PROTECTED ACCOUNT_SHARED | H1 held ACCOUNT_SHARED
    C1 paid MEMBER_PAID MEMBER_PAID_ELSEWHERE NOT_ELIGIBLE LATE
    D1 held MEMBER_NOT_FOUND MEMBER_NOT_IN_HOUSEHOLD DUPLICATE_CLAIM | D2 held DUPLICATE_CLAIM
    E1 held HEAD_DIED | F1 held LATE | G1 deficient DEFICIENT
    I1 paid MEMBER_NOT_WANTED MEMBER_OMITTED
    J1 held HEAD_PROTECTED MEMBER_PROTECTED | J2 paid | K1 held NOT_HEAD | L1 unresolved HEAD_NOT_FOUND
    M1 held SAME_CERTIFICATE | M2 held SAME_CERTIFICATE | M3 held SAME_CERTIFICATE
    N1 held ACCOUNT_NOT_CLAIMANT | O1 held ACCOUNT_INVALID | P1 paid YUCHO_CONVERTED PROXY
    Q1 held PROXY_NOT_MEMBER | R1 paid MEMBER_OMITTED | S1 withdrawn | T1 superseded | T2 paid
    U1 withdrawn | U2 withdrawn | V1 held NOT_OWN_CLAIM | V2 unresolved NOT_OWN_CLAIM
    V3 unresolved NOT_OWN_CLAIM
    W1 held ACCOUNT_SHARED | X1 paid | Y1 duplicate DUPLICATE_CLAIM
    AA paid PROXY | AB paid | AC paid | AD paid PROXY | AE paid PROXY
    AF held ACCOUNT_NOT_CLAIMANT PROXY | AG paid
"""

Answers = Mapping[
    str, tuple[str, frozenset[str]]
]  # person -> state and codes, or claim -> outcome and findings


def _id(name: str) -> str:
    return f"PLANT{name}"


def _born(person: str) -> str:
    return f"born{person}"


def _cells(text: str) -> list[list[str]]:
    """Cells between bars, each as its words, over all lines."""
    return [cell.split() for line in text.splitlines() for cell in line.split("|") if cell.split()]


def _rows(text: str) -> list[list[list[str]]]:
    """Lines of cells, each as its words."""
    lines = (line.split("|") for line in text.splitlines() if line.strip())
    return [[cell.split() for cell in line] for line in lines]


def _marks(words: list[str]) -> dict[str, str]:
    """`word` or `word=value`."""
    return dict(word.partition("=")[::2] for word in words)


def _person(name: str, *words: str) -> dict[str, Any]:
    marks, household = _marks(list(words)), name.partition(".")[0]
    who = marks.get("twin", name)
    keys = ("name_key", "family_key", "given_key", "kana_key", "loose_kana_key")
    return {
        **dict.fromkeys(keys, _id(who)), "date_key": _born(who), "alias_key": None, "address_key": _id(household),
        "person_id": _id(name), "resident_id": _id(name), "household_id": _id(household),
        "state": marks.get("state", "unclaimed"), "claim_id": _id(marks["by"]) if "by" in marks else None,
        "is_head": "head" in marks, "protected": "protected" in marks, "died": "died" in marks,
    }  # fmt: skip


def _claim(programme: Programme, row: list[list[str]]) -> dict[str, Any]:
    (claim, channel, kind, *named), (household, who), (account,), _, further = row
    marks, deadline = _marks(further), programme.claims.deadline
    in_time, late = f"{deadline:%Y%m%d}", f"{deadline.year + 1}0101"
    by_household = household != "-"
    holder = _id(marks.get("holder", who))
    return {
        "claim_id": _id(claim), "channel": channel, "arrival": in_time,
        "effective_on": late if "late" in marks else in_time, "claim_kind": kind,
        "supersedes_id": _id(named[0]) if named else None, "household_id": _id(household) if by_household else None,
        "name_key": _id("0.0" if "unlike-name" in marks else who), "kana_key": _id(who), "loose_kana_key": _id(who),
        "date_key": _born(who), "address_key": None if by_household else _id(who.partition(".")[0]),
        "holder_key": holder, "proxy_kind": marks.get("proxy", ""), "proxy_key": holder if "proxy" in marks else None,
        "account_key": None if account == "-" else account, "account_fault": account == "-",
        "certificate_serial": marks.get("certificate"), "yucho_converted": "converted" in marks,
        "deficient": "deficient" in marks,
    }  # fmt: skip


def _members(row: list[list[str]]) -> list[dict[str, Any]]:
    (claim, *_), _, _, lines, _ = row
    return [
        {
            "claim_id": _id(claim), "line": str(number), "name_key": _id(who.rstrip("!")),
            "date_key": _born(who.rstrip("!")), "not_wanted": who.endswith("!"),
        }
        for number, who in enumerate(lines, start=1)
    ]  # fmt: skip


def _earlier(row: list[list[str]]) -> dict[str, Any]:
    (claim,), (household, who), (account,), (certificate,), (outcome,), (supplemented,) = row
    return {
        "claim_id": _id(claim), "household_id": _id(household), "applicant_id": _id(who), "account_key": account,
        "certificate_serial": certificate.strip("-") or None, "proxy_kind": "", "outcome": outcome,
        "supplements_id": None if supplemented == "-" else _id(supplemented),
    }  # fmt: skip


def relations(programme: Programme) -> dict[str, pa.Table]:
    """The planted town as the relations of `pipelines.matching.claims`."""
    claims = _rows(_CLAIMS)
    newcomers = [{"household_id": _id(h), "date_key": _born(p)} for h, p in _NEWCOMERS]
    return {
        "person": pa.Table.from_pylist([_person(*words) for words in _cells(_PEOPLE)], PERSON),
        "claim": pa.Table.from_pylist([_claim(programme, row) for row in claims], CLAIM),
        "member": pa.Table.from_pylist([m for row in claims for m in _members(row)], MEMBER),
        "newcomer": pa.Table.from_pylist(newcomers, NEWCOMER),
        "earlier_claim": pa.Table.from_pylist([_earlier(row) for row in _rows(_EARLIER)], EARLIER),
    }  # fmt: skip


def _expected(text: str) -> Answers:
    return {_id(name): (end, frozenset(codes)) for name, end, *codes in _cells(text)}


def people() -> Answers:
    """Person -> the state and codes that the planted town must end with."""
    return _expected(_DECIDED)


def claims() -> Answers:
    """Claim -> the outcome and findings that the planted town must end with."""
    return _expected(_CLAIMS_END)


def differences(found_people: Answers, found_claims: Answers) -> list[str]:
    """Whom and which claims the match got wrong in the planted town; empty when every answer is as planted."""
    return [
        name
        for wanted, found in ((people(), found_people), (claims(), found_claims))
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    ]
