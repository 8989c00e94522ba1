"""The programme file: read once, checked whole, every fault told by its key."""

from datetime import date
from pathlib import Path

import pytest

from pipelines.errors import KyufuError
from pipelines.matching.findings import FINDINGS, rules
from pipelines.programme import ROOT, Period, ProgrammeError, Settings, load_programme
from pipelines.programme import settings_from_environment as settings

SHINJUKU = ROOT / "programmes" / "shinjuku-2020.toml"


@pytest.fixture
def edited(tmp_path):
    """Load the Shinjuku programme with one text replaced, once."""

    def load(old, new):
        text = SHINJUKU.read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.toml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return load_programme(path)

    return load


def _refusal(edited, old, new):
    with pytest.raises(ProgrammeError) as caught:
        edited(old, new)
    return str(caught.value)


@pytest.mark.parametrize("path", sorted((ROOT / "programmes").glob("*.toml")), ids=lambda p: p.stem)
def test_every_committed_programme_is_valid_and_complete(path):
    programme = load_programme(path)
    assert rules(programme).num_rows == len(FINDINGS)


def test_the_programme_says_what_the_report_says():
    programme = load_programme(SHINJUKU)
    assert programme.id == "shinjuku-2020"
    assert (programme.benefit.base_date, programme.benefit.amount_yen) == (
        date(2020, 4, 27),
        100_000,
    )
    assert programme.party("contractor").connection == Period(
        first=date(2020, 5, 15), last=date(2020, 8, 31)
    )
    assert programme.party("contractor").contract.last == date(2020, 11, 30)
    assert len(programme.disclosure("forms").fields) == 10
    assert programme.is_demonstration


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("office =", "offcie =", "programme.offcie: unknown key"),
        ("office =", "offcie =", "programme.office"),
        ("base_date = 2020-04-27\n", "", "programme.base_date"),
        ("amount_yen = 100_000", "amount_yen = 0", "programme.amount_yen"),
        ("amount_yen = 100_000", "amount_yen = 99_999.5", "programme.amount_yen"),
        ("amount_yen = 100_000", "amount_yen = -1", "programme.amount_yen"),
        ('mode = "demonstration"', 'mode = "test"', "programme.mode"),
        ("protection_approvals = 2", "protection_approvals = 1", "people.protection_approvals"),
        ("money_approvals = 2", "money_approvals = 1", "people.money_approvals"),
        ("max_age_days = 100", "max_age_days = 0", "lists.max_age_days"),
        ('kind = "braille"', 'kind = "brail"', "list.4.kind"),
        ('account_number = "0131040"', 'account_number = "131040"', "bank.account_number"),
        ('NOT_HEAD = "block"', 'NOT_HEAD = "stop"', "findings.NOT_HEAD"),
        ("deadline = 2020-08-31", 'deadline = "end of August"', "claims.deadline"),
        ("[limits]", "[limit]", "limit: unknown key"),
        ("held_share = 0.40", "held_share = 1.5", "limits.held_share"),
    ],
)
def test_a_wrong_key_is_named(edited, old, new, named):
    assert named in _refusal(edited, old, new)


def test_every_fault_is_told_at_once(edited):
    message = _refusal(edited, "base_date = 2020-04-27\namount_yen = 100_000", "amount_yen = 0")
    assert "programme.base_date" in message
    assert "programme.amount_yen" in message


def test_a_period_that_ends_before_it_begins_is_refused(edited):
    old = "connection = { from = 2020-05-15, to = 2020-08-31 }"
    message = _refusal(edited, old, "connection = { from = 2020-08-31, to = 2020-05-15 }")
    assert "party.0.connection" in message
    assert "2020-05-15" in message


def test_a_period_includes_its_first_and_last_day():
    period = Period(first=date(2020, 5, 15), last=date(2020, 8, 31))
    assert period.holds(date(2020, 5, 15))
    assert period.holds(date(2020, 8, 31))
    assert not period.holds(date(2020, 5, 14))
    assert not period.holds(date(2020, 9, 1))


def test_a_disclosure_to_an_unknown_party_is_refused(edited):
    message = _refusal(edited, 'recipient = "bank"', 'recipient = "bnak"')
    assert "'payments'" in message
    assert "'bnak'" in message


def test_a_source_from_an_unknown_party_is_refused(edited):
    message = _refusal(edited, 'party = "jlis"', 'party = "jils"')
    assert "'online_claims'" in message
    assert "'jils'" in message


def test_a_derived_field_needs_its_parents_among_the_fields(edited):
    message = _refusal(edited, 'barcode = ["postal_code"', 'barcode = ["postcode"')
    assert "disclosure.0" in message
    assert "'barcode'" in message
    assert "postcode" in message


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (
            'dataset = "placement_elderly"',
            'dataset = "placement_disability"',
            "dataset named twice",
        ),
        ('dataset = "register_changes"', 'dataset = "visually_impaired"', "dataset named twice"),
        ('id = "jlis"', 'id = "bank"', "party named twice"),
        ('id = "notices"', 'id = "forms"', "disclosure named twice"),
    ],
)
def test_nothing_is_named_twice(edited, old, new, named):
    assert named in _refusal(edited, old, new)


@pytest.mark.parametrize(
    "told", ["別の申請があります。", "保護されています。", "施設に入所しています。"]
)
def test_a_reason_that_tells_of_somebody_else_is_refused(edited, told):
    text = "必要な書類または記載が整いませんでした。"
    assert "DEFICIENT" in _refusal(edited, text, told)


def test_production_has_no_demonstration_people(edited):
    message = _refusal(edited, 'mode = "demonstration"', 'mode = "production"')
    assert "[demonstration]" in message


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('subcontractor = "北海道', 'subcontractor = "沖縄', "unknown party or subcontractor"),
        ('certificate = "CN=demonstration bank,O=Kyufu demonstration,C=JP"\n', "", "has a certificate"),
        ('"見本 銀一", duty = "responsible"', '"見本 銀一", duty = "handler"', "nobody responsible"),
        ('"見本 銀一", duty = "responsible"', '"見本 銀一", duty = "responsible", accounts = ["steward"]',
         "only the ward's people"),
        ('accounts = ["operator"]', 'accounts = ["steward"]', "account named twice: ['steward']"),
        ('party = "jlis"\ncertificate', 'party = "bank"\ncertificate', "roster named twice"),
    ],
)  # fmt: skip
def test_a_roster_names_its_organisation_its_certificate_and_who_is_responsible(
    edited, old, new, named
):
    assert named in _refusal(edited, old, new)


def test_severities_are_complete(edited):
    with pytest.raises(ProgrammeError, match="HEAD_DIED"):
        rules(edited('HEAD_DIED = "review"\n', ""))
    with pytest.raises(ProgrammeError, match="HEAD_DEID"):
        rules(edited("HEAD_DIED =", "HEAD_DEID ="))


def test_a_missing_file_says_what_to_do(tmp_path):
    for path in (tmp_path / "absent.toml", tmp_path):
        with pytest.raises(ProgrammeError, match="KYUFU_PROGRAMME") as caught:
            load_programme(path)
        assert str(path) in str(caught.value)


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    broken = tmp_path / "broken.toml"
    for data in (b"[programme\n", "[programme]\nname = '給付'\n".encode("cp932")):
        broken.write_bytes(data)
        load_programme.cache_clear()
        with pytest.raises(ProgrammeError, match="not a TOML file in UTF-8"):
            load_programme(broken)


def test_what_is_not_in_the_programme_is_denied():
    programme = load_programme(SHINJUKU)
    for ask in (programme.source, programme.party, programme.disclosure):
        with pytest.raises(ProgrammeError, match="tax_records"):
            ask("tax_records")
    assert issubclass(ProgrammeError, KyufuError)


def test_a_programme_cannot_be_changed():
    programme = load_programme(SHINJUKU)
    with pytest.raises(ValueError, match="frozen"):
        programme.benefit.amount_yen = 1


def test_settings_come_from_the_environment(monkeypatch, tmp_path):
    for name in ("KYUFU_PROGRAMME", "KYUFU_INPUTS", "KYUFU_LEDGER_URL", "AIRFLOW_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KYUFU_HOME", str(tmp_path))
    assert settings() == Settings(
        programme_path=SHINJUKU,
        home=tmp_path,
        inputs=ROOT / "data" / "samples" / "ward",
        ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}",
    )
    monkeypatch.setenv("KYUFU_PROGRAMME", "other.toml")
    monkeypatch.setenv("KYUFU_LEDGER_URL", "postgresql://ledger/kyufu")
    assert settings().programme_path == Path("other.toml").absolute()
    assert settings().ledger_url == "postgresql://ledger/kyufu"
