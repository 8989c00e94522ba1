"""Who may handle personal data: registered as the programme states it, bound to a certificate, confirmed for it."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from pipelines.ledger import rosters, tables
from pipelines.ledger.rosters import NotOnRoster, RosterIncomplete, What
from pipelines.ledger.store import verify_chain
from pipelines.programme import ROOT, WARD, Programme, load_programme
from tests.unit.ledger.ledger_world import DAY

STATED = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
CERTIFICATE = "ab" * 32
SUB = "北海道トッパン・フォームズ株式会社"


@pytest.fixture
def programme(ledger):
    """The Shinjuku programme under the test ledger's id."""
    benefit = STATED.benefit.model_copy(update={"id": ledger.programme})
    return STATED.model_copy(update={"benefit": benefit})


def _production(programme: Programme) -> Programme:
    benefit = programme.benefit.model_copy(update={"mode": "production"})
    return programme.model_copy(update={"benefit": benefit, "demonstration": None})


def _changed(programme: Programme, party: str, **changes) -> Programme:
    """The same programme with another first person on a party's roster."""
    made = []
    for roster in programme.rosters:
        if (roster.party, roster.subcontractor) == (party, ""):
            first, *others = roster.people
            roster = roster.model_copy(
                update={"people": (first.model_copy(update=changes), *others)}
            )
        made.append(roster)
    return programme.model_copy(update={"rosters": tuple(made)})


def _register(ledger, programme, party, certificate=CERTIFICATE):
    with ledger.write() as connection:
        digest = None if party == WARD else certificate
        return rosters.register(connection, programme, party, digest, "operator", DAY)


def _confirm_all(ledger, programme, party, skip=None):
    with ledger.write() as connection:
        for one in rosters.needed(programme, party):
            if (one.what, one.organisation) != skip:
                rosters.confirm(connection, ledger.programme, party, one, "報告書1", "steward", DAY)


def _send(ledger, programme, party="contractor"):
    with ledger.read() as connection:
        rosters.assert_may_receive(connection, programme, party, "forms.csv")


def test_nothing_goes_to_a_party_before_its_roster_training_and_consent_are_registered(
    ledger, programme
):
    with pytest.raises(RosterIncomplete, match=r"forms\.csv: トッパン.*名簿が登録されていません"):
        _send(ledger, programme)
    _register(ledger, programme, "contractor")
    with pytest.raises(RosterIncomplete, match="本体の研修の実施の確認"):
        _send(ledger, programme)
    _confirm_all(ledger, programme, "contractor", skip=(What.CONSENT, SUB))
    with pytest.raises(RosterIncomplete, match=f"送れません。{SUB}の再委託の承諾の確認"):
        _send(ledger, programme)
    _confirm_all(ledger, programme, "contractor")
    _send(ledger, programme)
    with pytest.raises(RosterIncomplete, match="指定金融機関"):
        _send(ledger, programme, "bank")


def test_a_roster_that_changes_must_be_registered_and_trained_anew_the_consent_stays(
    ledger, programme
):
    _register(ledger, programme, "contractor")
    _confirm_all(ledger, programme, "contractor")
    later = _changed(programme, "contractor", name="見本 新人")
    with pytest.raises(RosterIncomplete, match="変わっています"):
        _send(ledger, later)
    assert _register(ledger, later, "contractor").number == 2
    with pytest.raises(
        RosterIncomplete, match="送れません。本体の研修の実施の確認が登録されていません。"
    ):
        _send(ledger, later)
    _confirm_all(ledger, later, "contractor")
    _send(ledger, later)


def test_registering_and_confirming_the_same_again_changes_nothing(ledger, programme):
    first = _register(ledger, programme, "bank")
    _confirm_all(ledger, programme, "bank")
    assert _register(ledger, programme, "bank") == first
    _confirm_all(ledger, programme, "bank")
    with ledger.read() as connection:
        assert verify_chain(connection) == 2


def test_a_certificate_that_is_not_the_registered_rosters_is_refused(ledger, programme):
    def use(digest):
        with ledger.read() as connection:
            rosters.assert_certificate(connection, programme, "bank", digest)

    with pytest.raises(NotOnRoster, match="名簿が登録されていない"):
        use(CERTIFICATE)
    _register(ledger, programme, "bank")
    use(CERTIFICATE)
    with pytest.raises(NotOnRoster, match="登録された名簿のものではありません"):
        use("cd" * 32)
    assert _register(ledger, programme, "bank", "cd" * 32).number == 2  # a renewed certificate
    use("cd" * 32)
    with pytest.raises(NotOnRoster):
        use(CERTIFICATE)


def _act(ledger, programme, account):
    with ledger.read() as connection:
        rosters.assert_handler(connection, programme, account)


def test_in_production_only_who_is_on_the_wards_registered_roster_acts(ledger, programme):
    production = _production(programme)
    for account in ("steward", "os:root"):
        with pytest.raises(NotOnRoster, match="kyufu roster register ward"):
            _act(ledger, production, account)
    _register(ledger, production, WARD)
    _act(ledger, production, "steward")
    for account in ("os:root", "admin", "見本 区一", ""):
        with pytest.raises(NotOnRoster):
            _act(ledger, production, account)
    fewer = _changed(production, WARD, accounts=())
    _act(ledger, fewer, "steward")  # taken off in the file alone: registered is what counts
    _register(ledger, fewer, WARD)
    with pytest.raises(NotOnRoster):
        _act(ledger, fewer, "steward")


def test_in_a_demonstration_the_machines_own_users_pass_and_others_once_it_is_registered_do_not(
    ledger, programme
):
    for account in ("steward", "os:root", "admin"):
        _act(ledger, programme, account)
    _register(ledger, programme, WARD)
    for account in ("steward", "viewer", "os:root"):
        _act(ledger, programme, account)
    with pytest.raises(NotOnRoster):
        _act(ledger, programme, "admin")


def test_a_subcontractor_without_a_roster_keeps_its_party_from_being_registered(ledger, programme):
    alone = tuple(r for r in programme.rosters if not r.subcontractor)
    with pytest.raises(NotOnRoster, match=SUB):
        _register(ledger, programme.model_copy(update={"rosters": alone}), "contractor")
    with pytest.raises(NotOnRoster, match="wardの名簿"):
        _register(ledger, programme.model_copy(update={"rosters": ()}), WARD)


def test_every_change_is_in_the_audit_chain_without_a_name(ledger, programme):
    _register(ledger, programme, "contractor")
    _confirm_all(ledger, programme, "contractor")
    a = tables.audit.c
    with ledger.read() as connection:
        found = connection.execute(
            sa.select(a.event, a.actor, a.subject, a.detail).order_by(a.number)
        ).all()
    assert [(row.event, row.actor) for row in found] == [
        ("roster.registered", "operator"), ("roster.training", "steward"), ("roster.training", "steward"),
        ("roster.consent", "steward"),
    ]  # fmt: skip
    assert {row.subject for row in found} == {"roster:contractor"}
    assert json.loads(found[0].detail)["people"] == 5
    assert not [row for row in found if "見本" in row.detail or "報告書" in row.detail]


def test_the_newest_registration_counts_whatever_its_day(ledger, programme):
    _register(ledger, programme, "bank")
    with ledger.write() as connection:
        rosters.register(
            connection, programme, "bank", "cd" * 32, "operator", DAY - timedelta(days=1)
        )
    with ledger.read() as connection:
        assert rosters.newest(connection, programme.id, "bank").certificate_sha256 == "cd" * 32
