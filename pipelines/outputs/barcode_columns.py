"""The customer barcodes of a whole ward at once: what `barcode.encode` gives, a column at a time.

An address is plain if its postal code covers one town, it begins with that town's full name, and the rest is kanji,
kana, digits, spaces and hyphens without a kanji number that counts: of those the display number is the runs of digits.
Every other address is encoded on its own.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.outputs.barcode import CHARACTERS, FILLER, encode
from pipelines.outputs.postal_towns import Kind, find_zone

_PLAIN_REST: Final = r"^[0-9０-９\p{Han}\p{Hiragana}\p{Katakana}ー　 －-]*$"
_COUNTING_KANJI: Final = "[〇一二三四五六七八九十百千](?:丁|番|号|地割|線|の|ノ)"
_SEVEN_DIGITS: Final = re.compile("[0-9]{7}")
_PLACES: Final = 13
_BODY: Final = 7 + _PLACES
_FREE: Final = "x"  # a place to fill up


def encode_codes(postal_codes: pa.Array, addresses: pa.Array) -> pa.Array:
    """The barcodes of many addresses, as `str(Barcode)`.

    Args:
        postal_codes: text, one an address; null is no code.
        addresses: text; null is an empty address.

    Returns:
        Text of the same length; null where there is no barcode.
    """
    codes = pc.fill_null(pc.cast(postal_codes, pa.large_string()), "")
    texts = pc.fill_null(pc.cast(addresses, pa.large_string()), "")
    rest = _after_plain_towns(codes, texts)
    is_plain = pc.and_(
        pc.match_substring_regex(rest, _PLAIN_REST),
        pc.invert(pc.match_substring_regex(rest, _COUNTING_KANJI)),
    )
    plain = np.flatnonzero(np.asarray(pc.fill_null(is_plain, False)))
    other = np.flatnonzero(~np.asarray(pc.fill_null(is_plain, False)))
    at = pa.array(other)
    pairs = zip(codes.take(at).to_pylist(), texts.take(at).to_pylist(), strict=True)
    one_by_one = pa.array((_text_of(*pair) for pair in pairs), pa.large_string())
    at = pa.array(plain)
    together = _plain_codes(codes.take(at), rest.take(at))
    place = np.empty(len(codes), dtype=np.int64)
    place[plain], place[other] = np.arange(len(plain)), len(plain) + np.arange(len(other))
    return pa.concat_arrays([together, one_by_one]).take(pa.array(place))


def _text_of(postal_code: str, address: str) -> str | None:
    barcode = encode(postal_code, address)
    return None if barcode is None else str(barcode)


def _after_plain_towns(codes: pa.Array, texts: pa.Array) -> pa.Array:
    """What follows the town, of addresses that begin with the whole name of their code's only town; else null."""
    encoded = codes.dictionary_encode()
    prefixes = pa.array(map(_prefix, encoded.dictionary.to_pylist()), pa.large_string())
    prefix = prefixes.take(encoded.indices)
    length = pc.fill_null(pc.utf8_length(prefix), 0).to_numpy()
    rest = pa.nulls(len(texts), pa.large_string())
    for size in np.unique(length[length > 0]).tolist():
        of_size = pa.array(length == size)
        begins = pc.equal(pc.utf8_slice_codeunits(texts, 0, size), prefix)
        rest = pc.if_else(pc.and_(of_size, begins), pc.utf8_slice_codeunits(texts, size), rest)
    return rest


def _prefix(code: str) -> str | None:
    """The whole name of a code's only town; None if it has several, none, or streets stand before it (京都市)."""
    if not _SEVEN_DIGITS.fullmatch(code):
        return None
    zone = find_zone(code)
    if zone.kind is not Kind.TOWN or len(zone.places) != 1:
        return None
    prefecture, city, town = zone.places[0]
    return None if not town or city.startswith("京都市") else f"{prefecture}{city}{town}"


def _plain_codes(codes: pa.Array, rest: pa.Array) -> pa.Array:
    """The barcodes whose display number is the runs of digits of the rest, cut or filled up to 13 places."""
    for digit in "０１２３４５６７８９":
        rest = pc.replace_substring(rest, digit, chr(ord(digit) - 0xFEE0))
    number = pc.utf8_trim(pc.replace_substring_regex(rest, "[^0-9]+", "-"), "-")
    places = pc.utf8_rpad(pc.utf8_slice_codeunits(number, 0, _PLACES), _PLACES, _FREE)
    body = pc.binary_join_element_wise(codes, places, pa.scalar("", pa.large_string()))
    characters = np.frombuffer(body.buffers()[2] or b"", np.uint8)
    characters = characters[: len(body) * _BODY].reshape(len(body), _BODY)
    spaced = np.full((len(body), 2 * _BODY), ord(" "), np.uint8)
    spaced[:, 1::2] = characters
    offsets = np.arange(len(body) + 1, dtype=np.int64) * spaced.shape[1]
    text = pa.LargeStringArray.from_buffers(
        len(body), pa.py_buffer(offsets), pa.py_buffer(spaced.tobytes())
    )
    check = pa.array(CHARACTERS, pa.large_string()).take(pa.array(_checks(characters)))
    whole = (
        pa.scalar("start", pa.large_string()),
        pc.replace_substring(text, _FREE, FILLER),
        pa.scalar(" ", pa.large_string()),
        check,
        pa.scalar(" stop", pa.large_string()),
    )
    return pc.binary_join_element_wise(*whole, pa.scalar("", pa.large_string()))


def _checks(characters: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Each row's check value: what brings the sum of the 20 to a multiple of 19."""
    value = np.zeros(256, dtype=np.int64)
    for name in CHARACTERS[:11]:  # the digits and the hyphen
        value[ord(name)] = CHARACTERS.index(name)
    value[ord(_FREE)] = CHARACTERS.index(FILLER)
    sums: npt.NDArray[np.int64] = value[characters].sum(axis=1)
    return -sums % len(CHARACTERS)
