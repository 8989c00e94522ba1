"""Columns that several datasets share: the item's name in the sources, its meaning, the rules of its form.

All columns are text. A dataset's own columns are in its own file.
"""

from schemas import forms
from schemas.tables import Field

RESIDENT_ID = Field(
    "住民番号", "the resident's number, 10 digits", (forms.DIGITS_10,), standard="宛名番号"
)
HOUSEHOLD_ID = Field("世帯番号", "the household's number, 10 digits", (forms.DIGITS_10,))
NAME_KANJI = Field("漢字氏名", "name as recorded, never normalised", (forms.REQUIRED,), "氏名")
NAME_KANA = Field("カナ氏名", "name in kana as recorded", standard="氏名_フリガナ")
BIRTH_DATE = Field("生年月日", "as the source writes it", (forms.REQUIRED,), is_date=True)
SEX = Field("性別", "male, female or not given", (forms.one_of("", "male", "female"),))
REGISTERED_ADDRESS = Field("住民票住所", "where the person is registered", (forms.REQUIRED,))
RELATIONSHIP = Field(
    "続柄",
    "one to four codes of two digits; 02 is the head",
    (forms.RELATIONSHIP,),
    standard="続柄コード1..4",
)
POSTAL_CODE = Field("郵便番号", "7 digits", (forms.POSTAL_CODE,), standard="住所_郵便番号")
ADDRESS = Field(
    "住所",
    "from the prefecture to the number",
    standard="住所_都道府県, 住所_市区郡町村名, 住所_町字, 住所_番地号表記",
)
ADDRESS_SUPPLEMENT = Field("方書", "building and room", standard="住所_方書")
HEAD_NAME_KANJI = Field("世帯主漢字氏名", "the head's name as recorded")
