"""What each kind of list says about people: docs/rules.md, "Who may be paid here", row by row."""

import json

import pytest

from pipelines.intake.keys.places import lies_in
from pipelines.matching.protections import Effects, ListRow, Placement, interpret, place

HERE = "東京都新宿区"
HERE_HOME = "東京都新宿区若松町１２番３号"
HERE_FACILITY = "東京都新宿区戸山１丁目１番１号"
ELSEWHERE = "神奈川県横浜市"
BASE = "20200427"


def _facility(registered, facility, discharged=None):
    return {
        "registered_address": registered,
        "facility_address": facility,
        "discharged_key": discharged,
    }


def _placement(registered, facility):
    return {"registered_municipality": registered, "facility_municipality": facility}


def _evacuation(registered):
    return {"registered_address": registered, "current_address": "東京都新宿区避難先１番"}


# kind, the row -> registered here?, lives here?, address for letters, paid elsewhere?
PLACES = [
    ("facility", _facility(HERE_HOME, HERE_FACILITY), (True, True, HERE_FACILITY, False)),
    ("facility", _facility(HERE_HOME, "千葉県千葉市１番"), (True, False, "千葉県千葉市１番", False)),
    ("facility", _facility(f"{ELSEWHERE}１番", HERE_FACILITY), (False, True, HERE_FACILITY, False)),
    ("facility", _facility(f"{ELSEWHERE}１番", "千葉県千葉市１番"), (False, False, "千葉県千葉市１番", False)),
    ("facility", _facility(HERE_HOME, HERE_FACILITY, "20200426"), None),
    ("facility", _facility(HERE_HOME, HERE_FACILITY, "20200427"), None),
    ("facility", _facility(HERE_HOME, HERE_FACILITY, "20200428"), (True, True, HERE_FACILITY, False)),
    ("placement", _placement(HERE, HERE), (True, True, "", False)),
    ("placement", _placement(HERE, ELSEWHERE), (True, True, "", False)),
    ("placement", _placement(ELSEWHERE, HERE), (False, True, "", False)),
    ("placement", _placement(ELSEWHERE, "千葉県千葉市"), (False, False, "", False)),
    ("evacuation", _evacuation(HERE_HOME), (True, True, "東京都新宿区避難先１番", False)),
    ("evacuation", _evacuation(f"{ELSEWHERE}１番"), (False, True, "東京都新宿区避難先１番", False)),
    ("facility_outside", {"paid_elsewhere": "yes"}, (True, False, "", True)),
    ("facility_outside", {"paid_elsewhere": "no"}, (True, False, "", False)),
    ("facility_inside", {"paid_elsewhere": "yes"}, (False, True, "", True)),
    ("facility_inside", {"paid_elsewhere": "no"}, (False, True, "", False)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "expected"), PLACES)
def test_place(kind, values, expected):
    assert place(kind, values, HERE, BASE) == (Placement(*expected) if expected else None)


def test_a_town_elsewhere_with_the_wards_name_inside_is_not_here():
    found = place("placement", _placement("北海道東京都新宿区町", "埼玉県"), HERE, BASE)
    assert found == Placement(False, False, "")


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("西新宿2-8-1", True),
        ("　市ヶ谷本村町５－１", True),
        ("東京都信濃町35", True),
        ("新宿区信濃町35", True),
        ("信濃町35", None),  # Nagano has a municipality of that name
        ("信濃町柏原2", None),
        ("中井町1-1", None),  # the town 中井, or the municipality in Kanagawa
        ("大久保町1", None),
        ("長野県信濃町35", False),
        ("上水内郡信濃町35", False),
        ("横浜市中町3", False),
    ],
)
def test_a_town_without_its_municipality(text, inside):
    assert lies_in(text, HERE) is inside


def test_whoever_is_registered_here_and_may_live_here_is_not_taken_for_somebody_elsewhere():
    effects = _interpret("facility", _row(_facility(HERE_HOME, "信濃町35")))
    assert _told(effects) == (CARE, {}, 0, [])


def test_a_facility_named_by_its_town_alone_is_here():
    effects = _interpret("facility", _row(_facility(f"{ELSEWHERE}１番", "戸山1-1"), "absent", None))
    assert len(effects.additions) == 1


NAMES = {
    "name_kanji": "渡辺　葵",
    "name_key": "渡辺葵",
    "birth_date": "19920229",
    "date_key": "19920229",
}


def _row(values, outcome="linked", person="R1", candidates=(), number=2):
    return ListRow(f"list/2020-05-18:{number}", {**NAMES, **values}, outcome, person, candidates)


def _interpret(kind, *rows, effects=None):
    effects = effects or Effects()
    interpret("list", kind, rows, HERE, BASE, "shinjuku-2020", effects)
    return effects


def _told(effects):
    """(protected people with their certainty, elsewhere, number of additions, unlinked rows)."""
    care = {(p.person_id, p.certainty) for p in effects.protections}
    return care, effects.elsewhere, len(effects.additions), effects.unlinked


CARE = {("R1", "linked")}
# kind, the row, the person it was linked to -> who is protected, who is paid elsewhere
LINKED = [
    ("facility", _facility(HERE_HOME, HERE_FACILITY), CARE, {}),
    ("facility", _facility(HERE_HOME, "千葉県千葉市１番"), CARE, {"R1": False}),
    ("facility", _facility(HERE_HOME, HERE_FACILITY, "20200427"), set(), {}),
    ("placement", _placement(HERE, HERE), CARE, {}),
    ("placement", _placement(HERE, ELSEWHERE), CARE, {}),
    ("evacuation", _evacuation(HERE_HOME), CARE, {}),
    ("facility_outside", {"paid_elsewhere": "yes"}, CARE, {"R1": True}),
    ("facility_outside", {"paid_elsewhere": "no"}, CARE, {"R1": False}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "care", "elsewhere"), LINKED)
def test_a_row_about_somebody_registered_here(kind, values, care, elsewhere):
    assert _told(_interpret(kind, _row(values))) == (care, elsewhere, 0, [])


ADDED = [
    ("facility", _facility(f"{ELSEWHERE}１番", HERE_FACILITY), None),
    ("placement", _placement(ELSEWHERE, HERE), None),
    ("evacuation", _evacuation(f"{ELSEWHERE}１番"), None),
    ("facility_inside", {"paid_elsewhere": "no"}, None),
    ("facility_inside", {"paid_elsewhere": "yes"}, True),
]


@pytest.mark.parametrize(("kind", "values", "paid"), ADDED)
def test_somebody_registered_elsewhere_and_living_here_is_an_addition(kind, values, paid):
    effects = _interpret(kind, _row(values, "absent", None))
    (addition,) = effects.additions
    person = addition.person
    assert person.person_id.startswith("A")
    assert (person.resident_id, person.household_id) == (None, None)
    assert _told(effects) == (
        {(person.person_id, "linked")},
        {person.person_id: True} if paid else {},
        1,
        [],
    )


def test_an_addition_that_is_known_already_is_not_opened_again():
    effects = _interpret("facility_inside", _row({"paid_elsewhere": "no"}, "linked", "A123"))
    assert _told(effects) == ({("A123", "linked")}, {}, 0, [])


def test_the_same_person_on_two_lists_is_one_addition():
    effects = _interpret("placement", _row(_placement(ELSEWHERE, HERE), "absent", None))
    _interpret("facility_inside", _row({"paid_elsewhere": "yes"}, "absent", None), effects=effects)
    (addition,) = effects.additions
    assert effects.elsewhere == {addition.person.person_id: True}


def test_two_people_are_two_additions():
    other = {"name_kanji": "渡辺　陽", "name_key": "渡辺陽"}
    rows = [_row({"paid_elsewhere": "no", **more}, "absent", None) for more in ({}, other)]
    assert len(_interpret("facility_inside", *rows).additions) == 2


NOBODY_HERE = [
    ("facility", _facility(HERE_HOME, HERE_FACILITY)),
    ("placement", _placement(HERE, ELSEWHERE)),
    ("evacuation", _evacuation(HERE_HOME)),
    ("facility_outside", {"paid_elsewhere": "no"}),
]


@pytest.mark.parametrize(("kind", "values"), NOBODY_HERE)
def test_a_row_for_somebody_registered_here_with_no_candidate_stops_everything_until_decided(
    kind, values
):
    assert _told(_interpret(kind, _row(values, "absent", None))) == (
        set(),
        {},
        0,
        ["list/2020-05-18:2"],
    )


@pytest.mark.parametrize(("kind", "values"), [*NOBODY_HERE, *[(k, v) for k, v, _ in ADDED]])
def test_an_undecided_row_protects_every_candidate_and_nothing_else(kind, values):
    effects = _interpret(kind, _row(values, "undecided", None, ("R1", "R2")))
    assert _told(effects) == ({("R1", "candidate"), ("R2", "candidate")}, {}, 0, [])
    assert all(p.mailing_address == "" for p in effects.protections)


def test_a_row_about_nobody_of_ours_does_nothing():
    rows = [_row(_facility(f"{ELSEWHERE}１番", "千葉県千葉市１番"), "absent", None)]
    assert _told(_interpret("facility", *rows)) == (set(), {}, 0, [])
    rows = [_row(_placement(ELSEWHERE, "柏市"), "absent", None)]
    assert _told(_interpret("placement", *rows)) == (set(), {}, 0, [])


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("facility", _facility("新宿区大久保1-1-1", "新宿区戸山1-1-1")),
        ("facility", _facility(HERE_HOME, "新宿区戸山1-1-1")),
        ("facility", _facility(" 東京都　新宿区若松町12", "\u3000東京都新宿区戸山1-1-1")),
        ("facility", _facility("", "")),
        ("facility", _facility(f"{ELSEWHERE}１番", "千葉県千葉市１番")),
        ("placement", _placement("新宿区", ELSEWHERE)),
        ("placement", _placement("", ELSEWHERE)),
        ("placement", _placement(ELSEWHERE, "千葉県千葉市")),
        ("evacuation", _evacuation("新宿区大久保1-1-1")),
    ],
)
def test_whoever_is_found_is_protected_however_the_places_are_written(kind, values):
    assert _told(_interpret(kind, _row(values))) == (CARE, {}, 0, [])
    care = _told(_interpret(kind, _row(values, "review", None, ("R1",))))[0]
    assert care == {("R1", "candidate")}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("facility", _facility("新宿区大久保1-1-1", "千葉県千葉市１番")),
        ("facility", _facility("", HERE_FACILITY)),
        ("facility", _facility(f"{ELSEWHERE}１番", "不明")),
        ("placement", _placement("新宿区", ELSEWHERE)),
        ("placement", _placement(ELSEWHERE, " ")),
        ("placement", _placement("東京都", ELSEWHERE)),
        ("facility", _facility("信濃町35", "千葉県千葉市１番")),
        ("facility", _facility(f"{ELSEWHERE}１番", "信濃町35")),
        ("placement", _placement("信濃町", ELSEWHERE)),
        ("evacuation", _evacuation("信濃町３５番地")),
    ],
)
def test_nobody_found_and_a_place_here_or_unreadable_stops_until_decided(kind, values):
    effects = _interpret(kind, _row(values, "absent", None))
    assert _told(effects) == (set(), {}, 0, ["list/2020-05-18:2"])


@pytest.mark.parametrize(
    ("discharged", "left"),
    [("20200400", False), ("20200000", False), ("20200300", True), ("20190000", True)],
)
def test_a_discharge_on_an_unknown_day_is_the_latest_it_may_be(discharged, left):
    values = _facility(HERE_HOME, HERE_FACILITY, discharged)
    assert (place("facility", values, HERE, BASE) is None) is left


def test_paid_elsewhere_once_is_paid_elsewhere_whatever_a_later_row_says():
    rows = [
        _row({"paid_elsewhere": answer}, number=n)
        for n, answer in enumerate(("no", "yes", "no"), start=2)
    ]
    assert _interpret("facility_outside", *rows).elsewhere == {"R1": True}


def test_only_a_linked_row_gives_an_address_to_write_to():
    linked = _interpret("evacuation", _row(_evacuation(HERE_HOME)))
    assert [p.mailing_address for p in linked.protections] == ["東京都新宿区避難先１番"]


def test_effects_are_the_same_after_being_stored():
    effects = _interpret("facility_inside", _row({"paid_elsewhere": "yes"}, "absent", None))
    _interpret("facility_outside", _row({"paid_elsewhere": "no"}), effects=effects)
    effects.braille["R9"] = "visually_impaired/2020-05-18:2"
    assert Effects.from_json(json.loads(json.dumps(effects.as_json()))) == effects
