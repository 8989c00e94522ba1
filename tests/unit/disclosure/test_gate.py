"""The gate: only what a disclosure names, about whom, to whom, when; and only a release that passed it may leave."""

import copy
from dataclasses import FrozenInstanceError, fields, replace
from datetime import date

import pytest

from pipelines.disclosure.contents import read_contents
from pipelines.disclosure.guard import NOBODY, DisclosureRefused, Guard, Register, Secret
from pipelines.disclosure.release import Release, make_release
from pipelines.disclosure.writings import birth_writings
from pipelines.programme import ROOT, Disclosure, load_programme

PROGRAMME = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
DAY = date(2020, 6, 3)
LISTS_DAY, ASKED = date(2020, 5, 18), date(2020, 8, 31)
FIELDS = ("resident_id", "name_kanji", "birth_date", "address")
PAID = (
    "bank_code",
    "branch_code",
    "account_type",
    "account_number",
    "account_holder_kana",
    "amount_yen",
)
EVACUEE = Secret(
    "R9",
    "0000000009",
    ("見本\u3000秘密", "ミホン\u3000ヒミツ"),
    "19800401",
    "19800401",
    ("東京都新宿区西新宿２丁目８番１号",),
)
GUARD = Guard(
    protected=frozenset({"R9"}),
    withheld=lambda: frozenset({"R9", "R8"}),
    known=lambda: (EVACUEE,),
    list_days={source.dataset: LISTS_DAY for source in PROGRAMME.list_sources},
    undecided_rows=0,
    own=lambda _people: Register(lambda _births, _households: (), lambda: ()),
)


def _release(disclosure="forms", *, guard=GUARD, programme=PROGRAMME, **changes):
    what = {
        "name": "forms_20200603.csv",
        "payload": "0000000001,見本\u3000花子,19700101,新宿\r\n".encode(),
        "columns": FIELDS,
        "people": frozenset({"R1"}),
        "records": 1,
        "sum_yen": None,
        "day": DAY,
    }
    return make_release(programme, guard, disclosure, **{**what, **changes})


def _payments(**changes):
    line = "2000100100000001ﾐﾎﾝ ﾊﾅｺ\r\n".encode("cp932")
    what = {
        "name": "payments_20200603_01.txt",
        "payload": line,
        "columns": PAID,
        "sum_yen": 100_000,
    }
    return _release("payments", **{**what, **changes})


def _refusal(make, *args, **changes):
    """The refusal's message; it names the rule, never a person."""
    with pytest.raises(DisclosureRefused) as caught:
        make(*args, **changes)
    message = str(caught.value)
    for secret in ("R9", "R8", "0000000009", "秘密", "ヒミツ", "19800401", "西新宿"):
        assert secret not in message
    return message


def test_what_a_disclosure_allows_is_released():
    release = _release()
    assert release.disclosure.recipient == "contractor"
    assert (release.records, release.people, release.business_date) == (1, {"R1"}, DAY)
    assert len(release.sha256) == 64


def test_a_release_shows_no_person_when_printed():
    shown = repr(_release())
    for secret in ("花子", "R1", "0000000001"):
        assert secret not in shown


# only the gate makes a release


def test_f35_a_release_cannot_be_made_without_the_gate():
    release = _release()
    values = {f.name: getattr(release, f.name) for f in fields(release)}
    for permit in ({}, {"permit": None}, {"permit": object()}, {"permit": True}):
        with pytest.raises(DisclosureRefused):
            Release(**values, **permit)


@pytest.mark.parametrize(
    "change",
    [{"payload": b"other"}, {"people": frozenset({"R9"})}, {"name": "other"}, {"columns": ()}],
)
def test_f35_a_release_cannot_be_changed_into_another(change):
    with pytest.raises((DisclosureRefused, ValueError)):
        replace(_release(), **change)


def test_a_release_is_final():
    release = _release()
    with pytest.raises(FrozenInstanceError):
        release.payload = b"other"
    assert copy.copy(release) == release


# fields


@pytest.mark.parametrize(
    "column", ["sex", "mailing_address", "certificate_serial", "account_number", "Address"]
)
def test_f35_a_field_outside_the_disclosure_is_refused(column):
    assert column in _refusal(_release, columns=(*FIELDS, column))


def test_declared_derived_fields_may_go():
    assert _release(columns=(*FIELDS, "barcode", "members", "line"))


def test_the_ward_keeps_to_its_own_disclosure_too():
    assert _release("inhouse", columns=(*FIELDS, "mailing_address", "route"))
    assert "bank_code" in _refusal(_release, "inhouse", columns=("bank_code",))


def test_what_has_no_disclosure_is_denied():
    assert "telephone_survey" in _refusal(_release, "telephone_survey")


# people


@pytest.mark.parametrize("withheld", ["R9", "R8"])
def test_f35_people_withheld_from_contractors_are_refused(withheld):
    assert "1人" in _refusal(_release, people=frozenset({"R1", withheld}))


def test_the_ward_itself_may_write_to_everybody():
    payload = "0000000009,見本\u3000秘密,19800401".encode()
    assert _release("inhouse", people=frozenset({"R9"}), payload=payload)


def test_a_protected_payee_is_covered_and_nobody_else_is():
    payload = "ﾐﾎﾝ ﾋﾐﾂ 19800401\r\n".encode("cp932")
    assert _payments(payload=payload, people=frozenset({"R9"}))
    assert "氏名と生年月日1件" in _refusal(_payments, payload=payload, people=frozenset({"R1"}))


def test_f35_a_cover_is_for_the_fields_that_are_stated():
    payload = "0000000009 東京都新宿区西新宿２丁目８番１号\r\n".encode()
    covered = {"payload": payload, "people": frozenset({"R9"})}
    assert "住民番号1件、居所1件" in _refusal(_payments, **covered)
    assert "居所1件" in _refusal(_release, "inhouse", **covered)
    assert _release("inhouse", **covered, columns=(*FIELDS, "mailing_address"))


def test_a_household_member_never_covers_a_protected_one():
    payload = "0000000001,東京都新宿区西新宿2丁目8番1号\r\n".encode()
    assert "居所1件" in _refusal(_release, payload=payload)


# period, connection, contract


@pytest.mark.parametrize("day", [date(2020, 5, 14), date(2020, 9, 1)])
def test_f35_a_day_outside_the_disclosures_period_is_refused(day):
    message = _refusal(_release, day=day)
    assert str(day) in message
    assert "第14条" in message


@pytest.mark.parametrize("day", [date(2020, 5, 15), date(2020, 8, 31)])
def test_the_first_and_last_day_are_inside(day):
    lists = {name: date(2020, 5, 15) for name in GUARD.list_days}
    programme = PROGRAMME.model_copy(
        update={"lists": PROGRAMME.lists.model_copy(update={"max_age_days": 200})}
    )
    assert _release(day=day, guard=replace(GUARD, list_days=lists), programme=programme)


def _with_party(**periods):
    """The programme with other periods of the print contractor and an endless disclosure."""
    old = PROGRAMME.party("contractor").contract
    parties = tuple(
        p.model_copy(update={n: old.model_copy(update=v) for n, v in periods.items()})
        if p.id == "contractor"
        else p
        for p in PROGRAMME.parties
    )
    return PROGRAMME.model_copy(update={"parties": parties})


@pytest.mark.parametrize(("period", "told"), [("connection", "結合期間"), ("contract", "契約期間")])
def test_f35_a_day_outside_connection_or_contract_is_refused(period, told):
    programme = _with_party(**{period: {"last": date(2020, 6, 2)}})
    assert told in _refusal(_release, programme=programme)
    assert _release("inhouse", programme=programme)  # paper needs no party


def test_the_bank_is_paid_after_the_contractors_connection_ended():
    guard = replace(GUARD, list_days=dict.fromkeys(GUARD.list_days, date(2020, 8, 31)))
    assert _payments(day=date(2020, 9, 14), guard=guard)


# the protection lists


@pytest.mark.parametrize("dataset", [source.dataset for source in PROGRAMME.list_sources])
def test_f33_a_missing_list_stops_everything(dataset):
    guard = replace(GUARD, list_days={**GUARD.list_days, dataset: None})
    unknown = replace(GUARD, list_days={k: v for k, v in GUARD.list_days.items() if k != dataset})
    for state in (guard, unknown):
        for make in (_release, _payments, lambda **k: _release("inhouse", **k)):
            message = _refusal(make, guard=state)
            assert dataset in message
            assert "届いていません" in message


def test_f33_an_old_list_stops_everything():
    limit = PROGRAMME.lists.max_age_days
    newest = date.fromordinal(DAY.toordinal() - limit)
    at_limit = {**GUARD.list_days, "facility_children": newest}
    too_old = {**GUARD.list_days, "facility_children": date.fromordinal(newest.toordinal() - 1)}
    assert _release(guard=replace(GUARD, list_days=at_limit))
    message = _refusal(_release, guard=replace(GUARD, list_days=too_old))
    assert "facility_children" in message
    assert f"{limit + 1}日前" in message


def test_a_list_whose_collection_is_over_grows_no_older():
    whole = dict.fromkeys(GUARD.list_days, date(2021, 3, 1))
    last_possible = {**whole, "facility_children": date(2020, 8, 31)}
    day = date(2021, 3, 31)
    assert _payments(day=day, guard=replace(GUARD, list_days=last_possible))
    stale = {**whole, "facility_children": date(2020, 5, 22)}
    message = _refusal(_payments, day=day, guard=replace(GUARD, list_days=stale))
    assert "101日前" in message
    still_collected = {**last_possible, "evacuation_requests": date(2020, 8, 31)}
    assert "evacuation_requests" in _refusal(
        _payments, day=day, guard=replace(GUARD, list_days=still_collected)
    )


def test_a_row_that_nobody_decided_stops_everything():
    for make in (_release, _payments):
        assert "2行" in _refusal(make, guard=replace(GUARD, undecided_rows=2))


def test_disclosures_say_what_they_rest_on():
    for disclosure in PROGRAMME.disclosures:
        assert isinstance(disclosure, Disclosure)
        assert disclosure.basis


# a release about nobody


def test_a_request_to_erase_is_about_nobody_and_needs_no_list():
    asked = _release(
        "erasure_contractor", guard=NOBODY, day=ASKED, name="erasure_request_x.json", payload=b'{"files": []}',
        columns=(), people=frozenset(), records=0,
    )  # fmt: skip
    assert asked.people == frozenset()


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": ("name_kanji",)},
        {"people": frozenset({"R1"})},
        {"payload": "見本 花子".encode()},
    ],
)
def test_nothing_about_anybody_goes_out_as_a_request_to_erase(changes):
    what = {"columns": (), "people": frozenset(), "payload": b"{}", **changes}
    with pytest.raises(DisclosureRefused) as refused:
        _release(
            "erasure_contractor", guard=NOBODY, day=ASKED, name="erasure_request_x.json", records=0, **what
        )  # fmt: skip
    assert refused.value.rule == "NOBODY"


def test_a_rehearsals_delivery_with_somebody_in_it_is_refused():
    assert _release(name="rehearsal_forms.csv", people=frozenset()).is_rehearsal
    with pytest.raises(DisclosureRefused) as refused:
        _release(name="rehearsal_forms.csv", people=frozenset({"R1"}))
    assert refused.value.rule == "REHEARSAL"


def test_a_large_text_is_read_in_the_first_encoding_that_fits():
    large = ("見本," * (1 << 20)).encode()
    assert len(read_contents(large).texts) == 1


def test_a_birth_date_before_the_eras_is_looked_for_in_western_years_alone():
    assert b"1867-01-02" in birth_writings("18670102")
    assert not [written for written in birth_writings("18670102") if b"\xe6\x98\x8e" in written]
