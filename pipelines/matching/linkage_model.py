# ruff: noqa: E501
"""The rules and weights of linkage, all of them: which agreement is enough, and what each agreement is worth.

Two kinds of data. `RULES` are the exact tiers: states of a pair that link a row at once. `COMPARISONS` are what
Splink weighs for the rows that no tier decides, and `GATES` say which of their levels may link without a steward,
however high the score. Nothing else in the project knows a weight or a threshold of linkage.

**Where the numbers come from.** A weight is log2(m / u). u, how often two different people compare so, is estimated
on the register itself (`linkage_score`). m, how often two records of one person compare so, cannot be: a register
holds each person once, so expectation maximisation over its pairs would fit the namesakes and relatives that it
finds instead, and a day's list is too short and too selected (what the tiers leave) to estimate twelve levels from.
So m is stated here, per level, for records where the item is there on both sides. The anchor is the issue's own
measurement that keys with every written difference removed agree on name and birth date for 0.85 to 0.93 of true
pairs, which leaves about a twentieth each for a wrong name and a wrong birth date; how that twentieth divides is by
kind of error (FORMATS.md 4 and 5). An m that is wrong by a factor of two moves a score by one bit; the gates and
thresholds leave room for several.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

# How an item of a pair can compare in the exact tiers; 04_compared_pair.sql says what each means.
NAME_STATES = ("agreed", "unreadable", "near", "differed", "unknown")
KANA_STATES = ("agreed", "loose", "differed", "unknown")
ADDRESS_STATES = ("agreed", "differed", "unknown")

_AGREED = ("agreed",)
_READS_ALIKE = ("agreed", "loose")
_UNKNOWN = ("unknown",)


@dataclass(frozen=True)
class Rule:
    """One exact tier: the states that each item may have, and why a single person who fits is the one meant.

    rare: only where few residents bear the name (`COMMON_NAME`); others go on to the score.
    """

    code: str
    why: str
    name: tuple[str, ...] = NAME_STATES
    kana: tuple[str, ...] = KANA_STATES
    birth: tuple[str, ...] = _AGREED
    address: tuple[str, ...] = ADDRESS_STATES
    rare: bool = False

    def cases(self) -> Iterator[tuple[str, str, str, str]]:
        """Each combination of states that the rule covers."""
        return product(self.name, self.kana, self.birth, self.address)


# Strongest first. A pair takes the first rule that covers it; its strongest pair decides a row.
RULES = (
    Rule(
        "NAME_KANA_BIRTH_ADDRESS",
        "Everything agrees.",
        name=_AGREED,
        kana=_READS_ALIKE,
        address=_AGREED,
    ),
    Rule(
        "NAME_BIRTH_ADDRESS",
        "Nobody shares name, birth date and address with another; in 2020 readings were kept for convenience and a"
        " different one is no contradiction (FORMATS.md 4.4).",
        name=_AGREED,
        address=_AGREED,
    ),
    Rule(
        "KANA_BIRTH_ADDRESS",
        "Twins are not given the same reading, so it is one person whose kanji was miswritten or left out. Only the"
        " strict reading will do: twins タイキ and ダイキ exist.",
        name=("unreadable", "near", "unknown"),
        kana=_AGREED,
        address=_AGREED,
    ),
    Rule(
        "UNREADABLE_BIRTH_ADDRESS",
        "Every character that could be read agrees; a twin whose name fits as well makes two people and so no link.",
        name=("unreadable",),
        kana=("unknown", "loose"),
        address=_AGREED,
    ),
    Rule(
        "NAME_KANA_BIRTH",
        "Namesakes with the same reading and birth date are some 1 in 100,000 (docs/rules.md). A list without addresses;"
        " one whose address contradicts is left to the score.",
        name=_AGREED,
        kana=_READS_ALIKE,
        address=_UNKNOWN,
    ),
    Rule(
        "NAME_BIRTH",
        "Exactly one resident has this name and birth date, and the list says no more (placements). A common name may"
        " be a stranger's who was born the same day, so those are weighed by the score.",
        name=_AGREED,
        kana=_UNKNOWN,
        address=_UNKNOWN,
        rare=True,
    ),
    Rule(
        "NAME_KANA_ADDRESS_PARTIAL_BIRTH",
        "Month or day of birth is unknown on one side; the year agrees, which tells father and son apart.",
        name=_AGREED,
        kana=_READS_ALIKE,
        birth=("partial",),
        address=_AGREED,
    ),
)

# Residents with the same name from which a name and a birth date alone no longer link. With u(birth date) among
# people of one name near 1 in 10,000 (people of one name are of one generation), 30 namesakes make a stranger's
# coincidence 0.3%.
COMMON_NAME = 30


@dataclass(frozen=True)
class Level:
    """One way in which an item of two records can compare.

    condition: SQL over the records `_l` and `_r`, the same in both directions; the first that holds counts; "" = else.
    m: how often records of one person compare so where both know the item; None: unknown, weight 0.
    u: how often different people do, as far as a small register cannot tell; it counts as `PRIOR_PAIRS` pairs.
    frequency: column whose value's frequency in the register is u; m is then divided by the share, among different
    people whose column agrees, that compare so (namesakes mostly have one reading too, so another one costs less than
    its rarity among true pairs suggests). "listed" is the name as the list has it, half a resident where nobody has
    it, less where nobody has one of its halves; m is then the share of true pairs times that of such slips which give just this spelling: a spelling that
    nobody bears is a slip, a common one somebody.
    text: what a steward reads. why: reason and source of condition and m.
    """

    code: str
    condition: str
    m: float | None
    u: float
    text: str
    why: str
    frequency: str = ""


@dataclass(frozen=True)
class Comparison:
    """An item with its levels, the strongest first."""

    name: str
    title: str
    levels: tuple[Level, ...]


_NO_KANA = "(loose_l is null or loose_r is null)"
_NO_NAME = "(name_l is null or name_r is null)"


def _near(column: str) -> str:
    """One character replaced, added or left out; `edits` have one place blanked, `cuts` lack it."""
    return (
        f"(list_has_any({column}_edits_l, {column}_edits_r) or list_contains({column}_cuts_l, {column}_r)"
        f" or list_contains({column}_cuts_r, {column}_l))"
    )


def _guarded(guard: str, condition: str) -> str:
    """The condition, worked out only where the guard holds."""
    return f"case when {guard} then {condition} else false end"


def _slip(column: str) -> str:
    """One character of the reading, or of the kanji: that is no slip where both sides are read altogether otherwise."""
    return f"({_near('loose')} or ({_NO_KANA} and {_near(column)}))"


NAME = Comparison(
    "name",
    "氏名",
    (
        Level("UNKNOWN", f"{_NO_NAME} and {_NO_KANA}", None, 1, "不明", "Nothing to compare: neutral."),
        Level("NAME_KANA", "name_l = name_r and loose_l = loose_r", 0.86, 3e-5,
              "漢字・読みとも一致", "The ordinary case; voicing and long marks are written at will (4.4).", "name"),
        Level("NAME_NEAR_KANA", _guarded("name_l = name_r", _near("loose")), 0.8, 2e-6,
              "漢字一致・読み一字違い", "A slip in the reading (0.05 of true pairs, 0.06 of"
              " namesakes); readings were not official in 2020 (4.4).", "name"),
        Level("NAME_OTHER_KANA", "name_l = name_r and loose_l <> loose_r", 0.4, 5e-6,
              "漢字一致・読み相違", "裕子 is read ヒロコ or ユウコ (0.02 of true pairs, 0.05 of"
              " namesakes); a reading alone never makes a person another (4.4).", "name"),
        Level("NAME", "name_l = name_r", 0.93, 3e-5,
              "漢字一致", "One side has no reading (facility lists, placements).", "name"),
        Level("KANA", f"kana_l = kana_r and {_NO_NAME}", 0.9, 4e-5,
              "読み一致(漢字なし)", "A list in kana only: many people share a reading. Strict: twins タイキ and ダイキ exist.", "loose"),
        Level("UNREADABLE_KANA", "kana_l = kana_r and (name_l like pattern_r or name_r like pattern_l)", 0.01, 1e-6,
              "読めない字を除き一致・読み一致", "Gaiji lost in exchange (0.005 of true pairs, half of those who share a reading).",
              "loose"),
        Level("UNREADABLE", "name_l like pattern_r or name_r like pattern_l", 0.005, 1e-6,
              "読めない字を除き一致", "Gaiji lost in exchange (4.1).", ""),
        Level("KANA_PART", "kana_l = kana_r and (family_l = family_r or given_l = given_r)", 0.004, 4e-6,
              "読み一致・漢字は姓または名のみ一致", "Homophones are the commonest slip of input methods (0.04"
              " of true pairs, a tenth of them this spelling).", "listed"),
        Level("KANA_OTHER", "kana_l = kana_r", 0.0001, 1.5e-5,
              "読み一致・漢字相違", "Somebody with the same reading, or kanji replaced altogether (0.005, a 50th).", "listed"),
        Level("SOUND_GIVEN", _guarded(f"family_l = family_r and {_NO_KANA}",
              "list_has_any(given_sounds_l, given_sounds_r)"), 0.002, 5e-6,
              "姓一致・名は同じ読みの別の漢字", "祐子 for 裕子: some resident reads it as the other is read. Twins do not"
              " share a reading.", "listed"),
        Level("SOUND_FAMILY", _guarded(f"given_l = given_r and {_NO_KANA}",
              "list_has_any(family_sounds_l, family_sounds_r)"), 0.003, 5e-6,
              "名一致・姓は同じ読みの別の漢字", "斉藤 for 斎藤, 河合 for 川合.", "listed"),
        Level("NEAR_GIVEN", _guarded("family_l = family_r", _slip("given")), 0.00025, 1.5e-4,
              "姓一致・名一字違い", "A slip, or a sister or brother (一郎, 二郎): never enough by itself.", "listed"),
        Level("NEAR_FAMILY", _guarded("given_l = given_r", _slip("family")), 0.00025, 2e-4,
              "名一致・姓一字違い", "A slip in the family name.", "listed"),
        Level("GIVEN", "given_l = given_r", 0.008, 3e-3,
              "名のみ一致", "Renamed by marriage or adoption; the register has the present name.", "given"),
        Level("LOOSE", f"loose_l = loose_r or {_slip('name')}", 0.006, 1e-4,
              "読みまたは漢字が一字違い", "Voicing lost in half-width kana, or one slip where the parts are unknown.", ""),
        Level("FAMILY", "family_l = family_r", 0.004, 8e-3,
              "姓のみ一致", "A relative far more often than the person.", "family"),
        Level("OTHER", "", 0.001, 0.99, "相違", "Named altogether otherwise."),
    ),
)  # fmt: skip

_FULL = "month_l <> 0 and day_l <> 0 and month_r <> 0 and day_r <> 0"

BIRTH = Comparison(
    "birth",
    "生年月日",
    (
        Level("UNKNOWN", "birth_l is null or birth_r is null", None, 1, "不明", "Unknown: neutral."),
        Level("AGREED", f"birth_l = birth_r and {_FULL}", 0.945, 5e-5, "一致", "The ordinary case."),
        Level("PARTIAL", "year_l = year_r and (month_l = month_r or month_l = 0 or month_r = 0)"
              " and (day_l = day_r or day_l = 0 or day_r = 0)", 0.01, 2e-4,
              "分かる部分は一致", "Month or day recorded as unknown (5.3)."),
        Level("SWAPPED", "year_l = year_r and month_l = day_r and day_l = month_r", 0.008, 3e-5,
              "月と日が入れ替わり", "Month and day exchanged."),
        Level("ERA", "month_l = month_r and day_l = day_r and abs(year_l - year_r) in (14, 30, 44, 63)", 0.006, 1e-4,
              "元号違い(年は同じ数字)", "The year of a neighbouring era: 昭和5 for 平成5 (44, 14, 63 and 30 years long)."),
        Level("DIGIT", "damerau_levenshtein(birth_l, birth_r) = 1", 0.016, 1.2e-3,
              "一字違い", "One digit, or two neighbours exchanged; one year off by counting an era's year is one too."),
        Level("PART", "(case when year_l = year_r then 1 else 0 end) + (case when month_l = month_r then 1 else 0 end)"
              " + (case when day_l = day_r then 1 else 0 end) = 2", 0.008, 4e-3,
              "年・月・日の一つが相違", "One part misread altogether."),
        Level("OTHER", "", 0.007, 0.99, "相違", "Two parts or more differ: hardly the same person."),
    ),
)  # fmt: skip

ADDRESS = Comparison(
    "address",
    "住所",
    (
        Level("UNKNOWN", "town_l is null or town_r is null", None, 1, "不明", "Not on the list: neutral."),
        Level("ROOM", "address_l = address_r and room_l = room_r", 0.5, 5e-6,
              "番地・部屋番号まで一致", "The flat as well."),
        Level("AGREED", "address_l = address_r", 0.86, 5e-5, "番地まで一致", "The ordinary case."),
        Level("SHORT", "town_l = town_r and (starts_with(numbers_l, numbers_r) or starts_with(numbers_r, numbers_l))",
              0.03, 1e-4, "番地の途中まで一致", "The last number left out (2-8 for 2-8-1)."),
        Level("NUMBER", _guarded("town_l = town_r", "list_has_any(number_edits_l, number_edits_r)"), 0.03, 1e-3,
              "町名一致・番号の一つが相違", "One number misread."),
        Level("TOWN", "town_l = town_r", 0.02, 2.5e-2, "町名のみ一致", "Moved near by, or numbers mistaken."),
        Level("MOVED", "outside_l = outside_r", 0.05, 0.9, "別の町", "Moved within the municipality."),
        Level("ELSEWHERE", "", 0.004, 0.5, "別の市区町村", "Registered elsewhere, so most likely somebody else."),
    ),
)  # fmt: skip

COMPARISONS = (NAME, BIRTH, ADDRESS)

# As many pairs as a level's stated u weighs against those of the register's sample.
PRIOR_PAIRS = 50_000
# Residents drawn for each side of the sample that u is estimated on, as Splink pairs them all.
SAMPLE = 500

# How many rows of a list are taken to mean somebody on the register. Lists by residents' own offices: nearly all;
# notices about people registered elsewhere: nearly none. Half leaves either to the evidence.
PRIOR_PRESENT = 0.5
# Below this for all residents together, a row means nobody here.
REVIEW_AT = 0.04
# Who a row under review may mean: everybody who is at least this likely, beside the likeliest. All of them are protected.
CANDIDATE_SHARE = 0.02


@dataclass(frozen=True)
class Gate:
    """Levels that together may link by score alone; whatever passes no gate goes to a steward.

    at: the probability from which it links, against every other resident and against nobody.
    """

    code: str
    name: tuple[str, ...]
    birth: tuple[str, ...]
    address: tuple[str, ...]
    at: float
    why: str


_WHOLE_NAMES = ("NAME_KANA", "NAME_NEAR_KANA", "NAME_OTHER_KANA", "NAME")
_SURE_NAMES = (
    *_WHOLE_NAMES,
    "KANA_PART",
    "UNREADABLE_KANA",
    "UNREADABLE",
    "SOUND_GIVEN",
    "SOUND_FAMILY",
)
_UNSURE_NAMES = ("KANA", "KANA_OTHER", "NEAR_GIVEN", "NEAR_FAMILY", "GIVEN", "LOOSE")
_SLIPS = ("SWAPPED", "ERA", "DIGIT")
_SAME_PLACE = ("ROOM", "AGREED", "SHORT")

GATES = (
    Gate(
        "SCORE_WHOLE_NAME", _WHOLE_NAMES, ("AGREED",), ("UNKNOWN",), 0.97,
        "Name and birth date agree and the list says no more. What speaks against it is a stranger's coincidence,"
        " which the score overstates several times for a list about residents: only the commonest names wait.",
    ),
    Gate(
        "SCORE_HOMOPHONE", ("KANA_PART", "UNREADABLE_KANA", "SOUND_GIVEN", "SOUND_FAMILY"), ("AGREED",),
        ("UNKNOWN",), 0.95,
        "The reading agrees and half of the kanji or all that can be read, and hardly any resident bears that"
        " spelling.",
    ),
    Gate(
        "SCORE_SLIP", ("NEAR_GIVEN", "NEAR_FAMILY"), ("AGREED",), ("UNKNOWN",), 0.99,
        "One character of the name differs. Only a spelling whose family name or given name hardly any resident bears"
        " reaches this: a slip of the pen. A name that exists may be a twin's or a stranger's and never does.",
    ),
    Gate(
        "SCORE_NAME", _SURE_NAMES, ("AGREED",), ("UNKNOWN", *_SAME_PLACE, "NUMBER"), 0.99,
        "Every character of the name is accounted for, the birth date agrees, no address contradicts.",
    ),
    Gate(
        "SCORE_NAME_TOWN", _WHOLE_NAMES, ("AGREED",), ("TOWN",), 0.998,
        "As above, at other numbers of the same town: few residents bear the name.",
    ),
    Gate(
        "SCORE_NAME_SLIP", _SURE_NAMES, (*_SLIPS, "PARTIAL"), ("UNKNOWN", *_SAME_PLACE), 0.99,
        "One writing error in the birth date of a name that is rare enough, or at the same place.",
    ),
    Gate(
        "SCORE_NAME_PLACE", _SURE_NAMES, ("PART", "UNKNOWN"), _SAME_PLACE, 0.998,
        "Nobody else of that name lives at the same place: a part of the birth date is wrong or all of it left out.",
    ),
    Gate(
        "SCORE_PLACE", _UNSURE_NAMES, ("AGREED",), _SAME_PLACE, 0.998,
        "Birth date and place agree and the name half does; a twin who fits as well takes half the probability away.",
    ),
    Gate(
        "SCORE_KANA", ("KANA",), ("AGREED",), ("UNKNOWN", *_SAME_PLACE), 0.99,
        "A list in kana only, and a rare reading.",
    ),
)  # fmt: skip

# No gate has MOVED or ELSEWHERE: an address that contradicts never links by itself, however rare the name; strangers
# with a resident's name, reading and birth date do occur in lists.

# Somebody with half of the listed name, or none of it, is a candidate only at the listed place. A dozen residents share any
# birth date, and every seventh row about a stranger finds one of them with its given name: no protection follows from that.
# A row about somebody registered here that so has no candidate stops forms and payments until two people decide it.
PARTIAL_NAMES = ("GIVEN", "FAMILY", "OTHER")
PARTIAL_NAME_PLACES = (*_SAME_PLACE, "NUMBER")

# A row is not linked to somebody with another birth date while a resident of the same name has the listed one,
# whatever the address says: it may be that resident's row with a neighbour's address, and the two are for a steward
# to tell apart.
RIVAL_NAMES = _SURE_NAMES
RIVAL_BIRTH = "AGREED"
