"""Rosters of who handles personal data: registered, confirmed and looked at by signed-in people."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from cryptography import x509

from pipelines.errors import KyufuError
from pipelines.ledger import rosters
from pipelines.ledger.rosters import Confirmation, Confirmed, NotOnRoster, Registered, What
from pipelines.link.identity import fingerprint
from pipelines.programme import WARD
from pipelines.steps.campaign import Campaign
from pipelines.steps.reasons import assert_given
from pipelines.steps.roles import Act, Actor

_SHA256 = re.compile(r"[0-9a-f]{64}")
_REHEARSED = "実演: 書類の確認を省略"


class RosterRefused(KyufuError):
    """This cannot be registered or confirmed so."""


@dataclass(frozen=True)
class Standing:
    """One party's roster as it stands. lacking: what keeps deliveries from it, for people."""

    party: str
    name: str
    registered: Registered | None
    confirmed: Mapping[Confirmation, Confirmed]
    lacking: tuple[str, ...]


def read_standing(c: Campaign, connection: sa.Connection) -> list[Standing]:
    """The ward's roster and every party's."""
    return [
        Standing(
            party,
            c.programme.benefit.municipality if party == WARD else c.programme.party(party).name,
            rosters.newest(connection, c.programme.id, party),
            rosters.confirmations(connection, c.programme.id, party),
            tuple(rosters.lacking(connection, c.programme, party)),
        )
        for party in rosters.organisations(c.programme)
    ]


def register(c: Campaign, party: str, actor: Actor, day: date) -> Registered:
    """Register a party's rosters as the programme states them, with the certificate that it has now.

    Who is not on the ward's roster yet registers nothing but a ward's roster that names them.

    Raises:
        NotAllowed: the actor's roles do not allow it.
        RosterRefused: no such party, or its certificate is not the one that the roster names.
        NotOnRoster: the programme has no roster of it, or the actor is on none.
    """
    actor.assert_may(Act.REGISTER_ROSTER)
    _assert_known(c, party)
    digest = None if party == WARD else _certificate(c, party)
    with c.ledger.write() as connection:
        if party == WARD:
            _assert_names(c, actor)
        else:
            rosters.assert_handler(connection, c.programme, actor.name)
        return rosters.register(connection, c.programme, party, digest, actor.name, day)


def confirm(
    c: Campaign, party: str, what: What, organisation: str, evidence: str, actor: Actor, day: date
) -> bool:
    """Enter that training took place, or that the ward consented to a subcontract; whether it is new.

    organisation: the subcontractor's name; empty for the party itself. evidence: the paper that says so, by its number.

    Raises:
        NotAllowed: the actor's roles do not allow it.
        RosterRefused: there is nothing of this kind to confirm, or no paper is named.
        NotOnRoster: the party's roster is not registered as it is now, or the actor is on none.
    """
    actor.assert_may(Act.CONFIRM_ROSTER)
    _assert_known(c, party)
    paper = " ".join(evidence.split())
    assert_given(paper, RosterRefused, "確認した書類")
    with c.ledger.write() as connection:
        rosters.assert_handler(connection, c.programme, actor.name)
        return _confirm(c, connection, party, (what, organisation), paper, actor.name, day)


def acting(c: Campaign, account: str) -> str:
    """The account, if it is somebody's on the ward's roster.

    Raises:
        NotOnRoster: it is nobody's.
    """
    with c.ledger.read() as connection:
        rosters.assert_handler(connection, c.programme, account)
    return account


def rehearse(c: Campaign, day: date) -> dict[str, Any]:
    """Let the demonstration's people register and confirm everything that is not yet; the counts of what was new.

    Raises:
        KyufuError: the programme is in production: only people do this there.
    """
    people = c.programme.demonstration
    if people is None or not c.programme.is_demonstration:
        raise KyufuError("本番の事業では職員が名簿を登録します(kyufu roster register)。")
    registered = confirmed = 0
    with c.ledger.write() as connection:
        for party in rosters.organisations(c.programme):
            digest = None if party == WARD else _certificate(c, party)
            before = rosters.newest(connection, c.programme.id, party)
            made = rosters.register(connection, c.programme, party, digest, people.drafter, day)
            registered += made != before
            for one in rosters.needed(c.programme, party):
                key = (one.what, one.organisation)
                confirmed += _confirm(c, connection, party, key, _REHEARSED, people.steward, day)
    return {"registered": registered, "confirmed": confirmed}


def _confirm(
    c: Campaign, connection: sa.Connection, party: str, wanted: tuple[What, str], paper: str, actor: str, day: date
) -> bool:  # fmt: skip
    registered = rosters.newest(connection, c.programme.id, party)
    if registered is None or registered.content != rosters.content_of(c.programme, party):
        raise NotOnRoster(
            f"{party}: 今の名簿が登録されていません。先に kyufu roster register {party} を実行してください。"
        )
    for one in rosters.needed(c.programme, party):
        if (one.what, one.organisation) == wanted:
            return rosters.confirm(connection, c.programme.id, party, one, paper, actor, day)
    raise RosterRefused(
        f"{party}: {wanted[1] or '本体'}について{rosters.WHAT_JA[wanted[0]]}を確認する必要はありません。"
        "kyufu roster list で名前を確認してください。"
    )


def _assert_known(c: Campaign, party: str) -> None:
    known = list(rosters.organisations(c.programme))
    if party not in known:
        raise RosterRefused(f"{party}: この相手先はありません({'、'.join(known)}のいずれか)。")


def _assert_names(c: Campaign, actor: Actor) -> None:
    accounts = {
        account for r in c.programme.rosters_of(WARD) for p in r.people for account in p.accounts
    }
    if actor.name not in accounts:
        raise NotOnRoster(
            f"{actor.name}は事業ファイルの区の名簿にありません。名簿にある職員が登録してください。"
        )


def _certificate(c: Campaign, party: str) -> str:
    """The SHA-256 of the party's certificate, if it is the one that its roster names."""
    found: x509.Certificate = c.pinned_certificate(party)
    digest = fingerprint(found)
    stated = next((r.certificate for r in c.programme.rosters_of(party) if r.certificate), "")
    if not c.programme.is_demonstration and not _SHA256.fullmatch(stated):
        raise RosterRefused(
            f"{party}: 本番の事業では、[[roster]] certificateに証明書のSHA-256(16進64字)を書いてください。"
        )
    is_right = stated == (digest if _SHA256.fullmatch(stated) else found.subject.rfc4514_string())
    if not is_right:
        raise RosterRefused(
            f"{party}: 証明書が名簿のものではありません(SHA-256 {digest})。"
            "相手先に確かめ、事業ファイルの[[roster]] certificateか、HOME/pki/ward/partiesの証明書を直してください。"
        )
    return digest
