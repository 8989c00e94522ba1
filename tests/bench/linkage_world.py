"""A register, and lists about its people as badly written as clerks write them, for `tests.bench.linkage`.

The errors here come from how people mis-hear, mis-copy and mis-type, and share no table and no code with the match
keys or the weights of linkage: neither may be adjusted to the other.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

import pyarrow as pa

from data.synthetic_ward.people import People
from data.synthetic_ward.places import Places
from data.synthetic_ward.settings import load_settings

KINDS = ("facility", "evacuation", "outside", "placement")
STRANGERS = 0.2
_OLD_FORMS = [
    "高髙",
    "崎﨑",
    "浜濵",
    "辺邊",
    "辺邉",
    "斎齋",
    "斉齊",
    "沢澤",
    "広廣",
    "国國",
    "桜櫻",
    "真眞",
    "恵惠",
    "栄榮",
    "徳德",
    "瀬瀨",
    "島嶋",
    "富冨",
]
_SOUND_ALIKE = [
    "裕祐優悠",
    "恵慶啓圭",
    "美実未",
    "幸孝",
    "博浩弘宏洋",
    "和一",
    "夫雄男",
    "樹喜希紀",
    "子仔",
    "也哉",
    "太汰",
    "太多",
    "郎朗",
    "斗人",
    "香佳花",
    "奈菜",
    "真麻",
    "智知",
    "明昭晃章",
    "信伸",
    "正昌雅",
    "義良吉",
    "藤籐",
    "川河",
    "原腹",
    "坂阪",
    "島嶋",
    "中仲",
    "太大",
    "石井",
    "井居",
    "野埜",
    "田多",
    "村邑",
    "木樹",
    "高隆",
    "渡亘",
    "阿安",
    "部辺",
]
_MISREAD = [
    "田由",
    "木本",
    "大太",
    "千干",
    "土士",
    "末未",
    "人入",
    "千子",
    "白百",
    "貝見",
    "古吉",
    "井丼",
    "田口",
    "小少",
    "水永",
    "石右",
    "助功",
    "朗郎",
    "陽揚",
    "紀記",
    "輝揮",
]
_DAKUTEN = dict(
    zip(
        "ガギグゲゴザジズゼゾダヂヅデドバビブベボ",
        "カキクケコサシスセソタチツテトハヒフヘホ",
        strict=True,
    )
)
_KANA = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン"
_CITIES = (
    "東京都世田谷区", "東京都練馬区", "埼玉県川口市", "千葉県市川市", "神奈川県横浜市港北区",
    "大阪府吹田市", "北海道札幌市北区",
)  # fmt: skip
_ERAS = (
    ("R", "令和", 2019, 20190501),
    ("H", "平成", 1989, 19890108),
    ("S", "昭和", 1926, 19261225),
    ("T", "大正", 1912, 19120730),
)


@dataclass
class Human:
    """Somebody as they are, before anybody writes it down."""

    number: str | None
    family: str
    given: str
    family_kana: str
    given_kana: str
    alias: str
    has_kana: bool
    birth: str
    address: str
    building: str


class World:
    """A register, and lists drawn from it and from strangers."""

    def __init__(self, residents: int, seed: int) -> None:
        """Make the register."""
        settings = load_settings()
        self.rng = Random(seed)
        self.places = Places(self.rng, settings.ward, settings.places)
        self.people = People(self.rng, self.places, settings.population)
        self.residents = [
            Human(
                m.resident_id, m.family, m.given, m.family_kana, m.given_kana, m.alias, m.has_kana, m.birth,
                household.address, household.building,
            )
            for household in self.people.fill(residents)
            for m in household.members
        ]  # fmt: skip

    def register(self) -> pa.Table:
        """The register as text columns, without sex."""
        return pa.table(
            {
                "resident_id": [h.number for h in self.residents],
                "name_kanji": [
                    f"{h.family}　{h.given}" + (f"（{h.alias}）" if h.alias else "")
                    for h in self.residents
                ],
                "name_kana": [
                    f"{h.family_kana}　{h.given_kana}" if h.has_kana else "" for h in self.residents
                ],
                "birth_date": [h.birth for h in self.residents],
                "address": [h.address for h in self.residents],
                "address_extra": [h.building for h in self.residents],
            }
        )

    def make_list(self, kind: str, rows: int) -> tuple[pa.Table, list[str | None]]:
        """A list of that kind, and whom each row means (None: a stranger)."""
        strangers = int(rows * STRANGERS)
        humans = [
            *self.rng.sample(self.residents, rows - strangers),
            *(self._stranger() for _ in range(strangers)),
        ]
        self.rng.shuffle(humans)
        written = [self._write(kind, human) for human in humans]
        columns = {name: [row.get(name, "") for row in written] for name in written[0]}
        return pa.table({"row_id": [str(n) for n in range(rows)], **columns}), [
            h.number for h in humans
        ]

    def _stranger(self) -> Human:
        """Somebody who is not on the register: some are namesakes or relatives of somebody who is."""
        rng, other = self.rng, self.rng.choice(self.residents)
        sex = rng.choice("12")
        birth = rng.choice(self.residents).birth
        family, given = (
            self.people.names.draw_family("japanese"),
            self.people.names.draw_given("japanese", sex, int(birth[:4])),
        )
        _, address, building = self.places.address()
        if rng.random() < 0.5:
            number = "-".join(str(rng.randint(1, last)) for last in (6, 20, 20))
            address = f"{rng.choice(_CITIES)}{rng.choice(['本町', '中央', '緑町'])}{number}"
        human = Human(
            None,
            family.text,
            given.text,
            family.kana,
            given.kana,
            "",
            True,
            birth,
            address,
            building,
        )
        draw = rng.random()
        if draw < 0.08:  # a namesake
            human.family, human.given = other.family, other.given
            human.family_kana, human.given_kana = other.family_kana, other.given_kana
        elif draw < 0.16:  # a relative whom the register does not have
            human.family, human.family_kana = other.family, other.family_kana
            if rng.random() < 0.5:
                human.address, human.building = other.address, other.building
        return human

    def _write(self, kind: str, human: Human) -> dict[str, str]:
        rng = self.rng
        row = {"name_kanji": self._name(human), "birth_date": self._birth(human.birth)}
        if kind in ("evacuation", "outside"):
            row["name_kana"] = self._kana(human)
        if kind in ("facility", "evacuation"):
            row |= self._address(human)
        for name in ("birth_date", "name_kana", "address"):
            if (
                name in row
                and kind != "placement"
                and rng.random() < {"birth_date": 0.004, "name_kana": 0.05, "address": 0.02}[name]
            ):
                row[name] = ""
        return row

    def _name(self, human: Human) -> str:
        rng = self.rng
        family, given = human.family, human.given
        if rng.random() < 0.35:
            for new, old in _OLD_FORMS:
                swap = (
                    str.maketrans(new + old, old + new)
                    if rng.random() < 0.5
                    else str.maketrans(old, new)
                )
                family = family.translate(swap)
        draw = rng.random()
        if draw < 0.035:
            family, given = self._miswrite(family, given, _SOUND_ALIKE)
        elif draw < 0.045:
            family, given = self._miswrite(family, given, _MISREAD)
        elif draw < 0.05 and len(given) > 1:
            at = rng.randrange(len(given))
            given = given[:at] + given[at + 1 :]
        elif draw < 0.058:
            family = self.people.names.draw_family("japanese").text
        elif draw < 0.062:
            family = rng.choice("〓?■") + family[1:]
        name = family + rng.choice(["　", " ", ""]) + given
        if human.alias and rng.random() < 0.5:
            name = human.alias if rng.random() < 0.5 else f"{name}({human.alias})"
        return name

    def _miswrite(self, family: str, given: str, groups: list[str]) -> tuple[str, str]:
        rng = self.rng
        whole = family + given
        places = [(at, group) for at, char in enumerate(whole) for group in groups if char in group]
        if not places:
            return family, given
        at, group = rng.choice(places)
        other = rng.choice([char for char in group if char != whole[at]])
        whole = whole[:at] + other + whole[at + 1 :]
        return whole[: len(family)], whole[len(family) :]

    def _kana(self, human: Human) -> str:
        import jaconv

        rng = self.rng
        kana = f"{human.family_kana}　{human.given_kana}"
        draw = rng.random()
        if draw < 0.02:
            places = [at for at, char in enumerate(kana) if char in _DAKUTEN]
            if places:
                at = rng.choice(places)
                kana = kana[:at] + _DAKUTEN[kana[at]] + kana[at + 1 :]
        elif draw < 0.04:
            kana = rng.choice(
                [
                    kana.replace("ョウ", "ョオ"),
                    kana.replace("ウ", "ー", 1),
                    kana.replace("オオ", "オー"),
                    kana.replace("ュウ", "ュ"),
                ]
            )
        elif draw < 0.05:
            at = rng.choice([at for at, char in enumerate(kana) if char != "　"])
            kana = kana[:at] + rng.choice(_KANA) + kana[at + 1 :]
        elif draw < 0.08:
            kana = kana.translate(str.maketrans("ァィゥェォッャュョ", "アイウエオツヤユヨ"))
        style = rng.random()
        if style < 0.3:
            return jaconv.z2h(kana, kana=True).replace("　", " ")
        if style < 0.5:
            return jaconv.kata2hira(kana)
        return kana.replace("　", rng.choice(["　", " ", ""]))

    def _birth(self, birth: str) -> str:
        rng = self.rng
        if birth.endswith("00"):
            return birth
        day = date(int(birth[:4]), int(birth[4:6]), int(birth[6:]))
        draw = rng.random()
        if draw < 0.006 and day.day <= 12:
            day = date(day.year, day.day, day.month)
        elif draw < 0.012:
            day += timedelta(days=rng.choice([-1, 1, 10, -10, 2]))
        elif draw < 0.018:
            day = _shift(day, rng.choice([-1, 1, 10, -10]))
        elif draw < 0.024:
            shift = {"昭和": 63, "平成": -63, "大正": 14}.get(_era(day)[1], 1)
            day = _shift(day, shift if day.year + shift <= 2019 else -1)
        elif draw < 0.03:
            day = day.replace(month=rng.randint(1, 12), day=min(day.day, 28))
        elif draw < 0.032:
            return f"{day.year}年{day.month}月"
        return self._date_style(day)

    def _date_style(self, day: date) -> str:
        letter, era, first, _ = _era(day)
        year = day.year - first + 1
        return self.rng.choice(
            [
                f"{day:%Y%m%d}", f"{day:%Y-%m-%d}", f"{day.year}/{day.month}/{day.day}",
                f"{letter}{year}.{day.month}.{day.day}",
                f"{era}{'元' if year == 1 else year}年{day.month}月{day.day}日",
                f"{day.year}年{day.month}月{day.day}日",
            ]
        )  # fmt: skip

    def _address(self, human: Human) -> dict[str, str]:
        import unicodedata

        rng = self.rng
        address, building = human.address, human.building
        draw = rng.random()
        if draw < 0.012:
            _, address, building = self.places.address()
        elif draw < 0.027:
            digits = [at for at, char in enumerate(address) if char.isdigit()]
            at = rng.choice(digits)
            address = address[:at] + rng.choice("１２３４５６７８９") + address[at + 1 :]
        if rng.random() < 0.6:
            address = unicodedata.normalize("NFKC", address)
            address = (
                address.replace("丁目", "-")
                .replace("番地", "-")
                .replace("番", "-")
                .removesuffix("号")
                .rstrip("-")
            )
        if rng.random() < 0.012 and "-" in address:
            address = address.rpartition("-")[0]
        if rng.random() < 0.5:
            address = address.removeprefix("東京都")
        style = rng.random()
        if style < 0.4:
            return {"address": address, "address_extra": building}
        if style < 0.7:
            return {"address": f"{address}　{building}".strip(), "address_extra": ""}
        return {"address": address, "address_extra": ""}


def _era(day: date) -> tuple[str, str, int, int]:
    number = day.year * 10_000 + day.month * 100 + day.day
    return next((era for era in _ERAS if number >= era[3]), ("M", "明治", 1868, 0))


def _shift(day: date, years: int) -> date:
    return day.replace(year=day.year + years, day=min(day.day, 28) if day.month == 2 else day.day)
