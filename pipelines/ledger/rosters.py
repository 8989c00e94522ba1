"""Who may handle personal data (取扱責任者・取扱者): rosters as registered, and what was confirmed of them.

A roster is registered as the programme states it, a party's with its subcontractors', and bound to the certificate that
the party then had. What the programme states later counts only once it is registered again; a confirmation of training
(研修) or of the consent to a subcontract (再委託の承諾) counts for exactly the content that it was given for.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.store import insert_new, record
from pipelines.programme import WARD, HandlerRoster, Programme, Subcontractor

OS_USER = "os:"


class NotOnRoster(KyufuError):
    """Somebody, or somebody's certificate, is not on the registered roster."""


class RosterIncomplete(KyufuError):
    """A party's roster, its training or a consent to its subcontract is not registered: nothing goes there."""


class What(StrEnum):
    """What is confirmed."""

    TRAINING = "training"
    CONSENT = "consent"


WHAT_JA = {What.TRAINING: "研修の実施", What.CONSENT: "再委託の承諾"}


@dataclass(frozen=True)
class Registered:
    """A roster as it was registered. content: the programme's, of a party and its subcontractors."""

    party: str
    number: int
    content: str
    certificate_sha256: str | None
    actor: str
    since: date

    @property
    def sha256(self) -> str:
        """Of the content."""
        return _hash(self.content)

    @property
    def rosters(self) -> list[dict[str, Any]]:
        """The rosters with their people."""
        found: list[dict[str, Any]] = json.loads(self.content)
        return found

    @property
    def accounts(self) -> dict[str, str]:
        """Account -> whose it is."""
        people = (person for roster in self.rosters for person in roster["people"])
        return {account: person["name"] for person in people for account in person["accounts"]}


@dataclass(frozen=True)
class Confirmation:
    """What must be, or was, confirmed of an organisation (empty: the party itself) for exactly one content."""

    organisation: str
    what: What
    content_sha256: str


@dataclass(frozen=True)
class Confirmed:
    """Who confirmed something, on what paper, when."""

    actor: str
    evidence: str
    on: date


def content_of(programme: Programme, party: str) -> str:
    """A party's rosters as the programme states them; two that say the same are the same text."""
    return _text([roster.model_dump(mode="json") for roster in programme.rosters_of(party)])


def needed(programme: Programme, party: str) -> list[Confirmation]:
    """What must be confirmed before anything goes to the party; nothing of the ward itself."""
    if party == WARD:
        return []
    of = {s.name: s for s in programme.party(party).subcontractors}
    consents = [
        Confirmation(name, What.CONSENT, _hash(_text(_plain(found)))) for name, found in of.items()
    ]
    rosters = {r.subcontractor: _hash(_text(_plain(r))) for r in programme.rosters_of(party)}
    trainings = [
        Confirmation(name, What.TRAINING, rosters.get(name, "")) for name in ("", *sorted(of))
    ]
    return [*trainings, *consents]


def newest(connection: sa.Connection, programme: str, party: str) -> Registered | None:
    """The party's newest registered roster."""
    r = tables.handler_roster
    query = sa.select(r).filter_by(programme=programme, party=party)
    row = connection.execute(query.order_by(r.c.number.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return Registered(
        party, row.number, row.content, row.certificate_sha256, row.actor, row.business_date
    )


def confirmations(
    connection: sa.Connection, programme: str, party: str
) -> Mapping[Confirmation, Confirmed]:
    """Everything that was ever confirmed of the party."""
    query = sa.select(tables.handler_confirmation).filter_by(programme=programme, party=party)
    return {
        Confirmation(row.organisation, What(row.what), row.content_sha256): Confirmed(
            row.actor, row.evidence, row.business_date
        )
        for row in connection.execute(query)
    }


def register(
    connection: sa.Connection, programme: Programme, party: str, certificate_sha256: str | None, actor: str, day: date
) -> Registered:  # fmt: skip
    """Register the party's rosters as the programme states them; the same again changes nothing.

    Raises:
        NotOnRoster: the programme has no roster of the party, or of one of its subcontractors.
    """
    _assert_stated(programme, party)
    content = content_of(programme, party)
    before = newest(connection, programme.id, party)
    if before and (before.content, before.certificate_sha256) == (content, certificate_sha256):
        return before
    number = before.number + 1 if before else 1
    made = Registered(party, number, content, certificate_sha256, actor, day)
    values = {"programme": programme.id, "party": party, "number": number, "content": content}
    connection.execute(
        sa.insert(tables.handler_roster).values(
            **values, certificate_sha256=certificate_sha256, actor=actor, business_date=day
        )
    )
    detail = {
        "number": number, "sha256": made.sha256, "certificate_sha256": certificate_sha256,
        "people": sum(len(roster["people"]) for roster in made.rosters),
    }  # fmt: skip
    record(connection, programme.id, "roster.registered", actor, f"roster:{party}", detail, day)
    return made


def confirm(
    connection: sa.Connection, programme: str, party: str, what: Confirmation, evidence: str, actor: str, day: date
) -> bool:  # fmt: skip
    """Enter that something was confirmed, once; whether it is new."""
    if what in confirmations(connection, programme, party):
        return False
    row = {
        "programme": programme, "party": party, "organisation": what.organisation, "what": str(what.what),
        "content_sha256": what.content_sha256, "evidence": evidence, "actor": actor, "business_date": day,
    }  # fmt: skip
    insert_new(connection, tables.handler_confirmation, [row])
    detail = {
        "organisation": what.organisation, "sha256": what.content_sha256, "evidence": _hash(evidence)
    }  # fmt: skip
    record(connection, programme, f"roster.{what.what}", actor, f"roster:{party}", detail, day)
    return True


def lacking(connection: sa.Connection, programme: Programme, party: str) -> list[str]:
    """What is still to be registered before anything may go to the party, for people."""
    registered = newest(connection, programme.id, party)
    if registered is None:
        return ["取扱責任者・取扱者の名簿が登録されていません"]
    if registered.content != content_of(programme, party):
        return ["名簿が登録のあとで変わっています(登録し直してください)"]
    given = confirmations(connection, programme.id, party)
    return [
        f"{one.organisation or '本体'}の{WHAT_JA[one.what]}の確認が登録されていません"
        for one in needed(programme, party)
        if one not in given
    ]


def assert_may_receive(
    connection: sa.Connection, programme: Programme, party: str, what: str
) -> None:
    """Fail unless the party's roster, training and consents are registered. what: the file that would be sent.

    Raises:
        RosterIncomplete: something of it is not.
    """
    if found := lacking(connection, programme, party):
        raise RosterIncomplete(
            f"{what}: {programme.party(party).name}に送れません。{'、'.join(found)}。"
            "kyufu roster list で確認し、kyufu roster register・training・consent で登録してください。"
        )


def assert_certificate(
    connection: sa.Connection, programme: Programme, party: str, sha256: str
) -> None:
    """Fail unless the certificate is the one that the party's registered roster is bound to.

    Raises:
        NotOnRoster: it is another one, or no roster is registered.
    """
    registered = newest(connection, programme.id, party)
    name = programme.party(party).name
    if registered is None:
        raise NotOnRoster(
            f"{name}の名簿が登録されていないため、その証明書は使えません。"
            f"kyufu roster register {party} で登録してください。"
        )
    if registered.certificate_sha256 != sha256:
        raise NotOnRoster(
            f"{name}の証明書(SHA-256 {sha256[:16]}…)は、登録された名簿のものではありません。使っていません。"
            f"証明書を替えたのであれば、相手先に確かめてから kyufu roster register {party} で登録してください。"
        )


def assert_handler(connection: sa.Connection, programme: Programme, account: str) -> None:
    """Fail unless the account is somebody's on the ward's registered roster.

    In a demonstration an account of the machine's own users (`os:NAME`) passes, and everybody while the ward's roster
    is not registered: somebody has to rehearse its registration.

    Raises:
        NotOnRoster: it is nobody's.
    """
    registered = newest(connection, programme.id, WARD)
    if registered is not None and account in registered.accounts:
        return
    if programme.is_demonstration and (registered is None or account.startswith(OS_USER)):
        return
    raise NotOnRoster(
        f"{account}は区の取扱者の名簿にないため、個人情報を取り扱えません。"
        "事業ファイルの[[roster]]に加え、kyufu roster register ward で登録してください。"
    )


def _assert_stated(programme: Programme, party: str) -> None:
    stated = {roster.subcontractor for roster in programme.rosters_of(party)}
    wanted = {""}
    if party != WARD:
        wanted |= {s.name for s in programme.party(party).subcontractors}
    if lacks := sorted(wanted - stated):
        told = "、".join(name or party for name in lacks)
        raise NotOnRoster(
            f"事業ファイルに{told}の名簿([[roster]])がありません。書き加えてください。"
        )


def _plain(part: HandlerRoster | Subcontractor) -> Any:
    return part.model_dump(mode="json")


def _text(value: Sequence[Any] | Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def organisations(programme: Programme) -> Iterator[str]:
    """The ward and every party."""
    yield WARD
    yield from (party.id for party in programme.parties)
