"""The people that matching hands on: eligible persons, additions, protections."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """An eligible person's numbers; resident_id and household_id are None for somebody registered elsewhere."""

    person_id: str
    resident_id: str | None
    household_id: str | None


@dataclass(frozen=True)
class Addition:
    """A person who is eligible by evidence, not by the snapshot; the fields are the register's items.

    date_key: the birth date as YYYYMMDD, as staging read it; None where it cannot be read.
    """

    person: Person
    evidence: str
    name_kanji: str
    name_kana: str
    birth_date: str
    relationship: str = ""
    postal_code: str = ""
    address: str = ""
    address_supplement: str = ""
    head_name_kanji: str = ""
    date_key: str | None = None


@dataclass(frozen=True)
class Protection:
    """A person whose data needs care. certainty: linked, or candidate of a row that is still undecided."""

    person_id: str
    dataset: str
    kind: str
    certainty: str
    evidence: str
    mailing_address: str
