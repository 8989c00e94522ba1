"""Damage to a good file, chosen by a seeded generator: what wires, disks, editors and spreadsheets do to files."""

import io
import random
import re
import zipfile
from collections.abc import Callable

from tests.intake_files import write_zip

Mutation = Callable[[random.Random, bytes], bytes]
_CODECS = (
    "cp932",
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "euc_jp",
    "iso2022_jp",
)
_INJECTED = (
    ",", '"', '""', "\r", "\n", "\r\n", "\t", ";", "\0", "\x1a", "=1+1", "\u3000", " ", "\ufeff", "〓", "NA", "０", "'",
    "\\", '"\r\n"', "A1", "00", "元", "ﾊﾅｺ", "\u200b", "🍣",
)  # fmt: skip


def flip_bits(rng: random.Random, data: bytes) -> bytes:
    """Some bits of some bytes."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def overwrite_bytes(rng: random.Random, data: bytes) -> bytes:
    """A run of random bytes."""
    at = rng.randint(0, len(data))
    run = rng.randbytes(rng.randint(1, 8))
    return data[:at] + run + data[at + len(run) :]


def delete_bytes(rng: random.Random, data: bytes) -> bytes:
    """A run lost."""
    at = rng.randint(0, len(data))
    return data[:at] + data[at + rng.choice((1, 1, 2, 3, 20)) :]


def insert_bytes(rng: random.Random, data: bytes) -> bytes:
    """A run from nowhere, or from another place of the file."""
    at, other = rng.randint(0, len(data)), rng.randint(0, len(data))
    run = rng.choice((rng.randbytes(rng.randint(1, 4)), data[other : other + rng.randint(1, 30)]))
    return data[:at] + run + data[at:]


def truncate(rng: random.Random, data: bytes) -> bytes:
    """The end, or the start, lost."""
    at = rng.randint(0, len(data))
    return rng.choice((data[:at], data[:at], data[at:]))


def shuffle_lines(rng: random.Random, data: bytes) -> bytes:
    """Lines swapped, repeated, lost, joined or doubled with blank ones."""
    lines = data.split(b"\r\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        lines[a], lines[b] = lines[b], lines[a]
    elif kind == 1:
        lines.insert(b, lines[a])
    elif kind == 2:
        del lines[a]
    elif kind == 3:
        lines.insert(a, b"")
    else:
        lines[a : a + 2] = [b"".join(lines[a : a + 2])]
    return b"\r\n".join(lines)


def change_line_ends(rng: random.Random, data: bytes) -> bytes:
    """All of them, or one."""
    return data.replace(
        b"\r\n", rng.choice((b"\n", b"\r", b"\n\r", b"\r\r\n", b"")), rng.choice((1, -1))
    )


def _text_of(data: bytes) -> str | None:
    for codec in ("utf-8-sig", "cp932", "utf-16"):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    return None


def recode(rng: random.Random, data: bytes) -> bytes:
    """Another encoding, of all or of the second half."""
    text = _text_of(data)
    if text is None:
        return flip_bits(rng, data)
    other = text.encode(rng.choice(_CODECS), "replace")
    half = len(data) // 2
    return rng.choice((other, data[:half] + other[half:]))


def inject_text(rng: random.Random, data: bytes) -> bytes:
    """Delimiters, quotes, controls and odd characters in the file's own encoding."""
    text = _text_of(data)
    if text is None:
        return insert_bytes(rng, data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice(_INJECTED) + text[at + rng.randint(0, 1) :]
    codec = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if codec == "utf-8-sig" and not data.startswith(b"\xef\xbb\xbf"):
        codec = "cp932" if _is(data, "cp932") else "utf-8"
    return text.encode(codec, "replace")


def quote_cells(rng: random.Random, data: bytes) -> bytes:
    """Some cells in quotes, well or badly: a spreadsheet's habit."""
    text = _text_of(data)
    if text is None:
        return insert_bytes(rng, data)
    codec = next((c for c in ("cp932", "utf-8") if _is(data, c)), "utf-16")

    def quoted(cell: re.Match[str]) -> str:
        if rng.random() > 0.1:
            return cell[0]
        return rng.choice(
            (f'"{cell[0]}"', f'"{cell[0]},x"', f'"{cell[0]}""', f'"{cell[0]}', f'"{cell[0]}\r\nx"')
        )

    return re.sub(r"[^,\t\r\n]+", quoted, text).encode(codec, "replace")


def _is(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


PLAIN: tuple[Mutation, ...] = (
    flip_bits, overwrite_bytes, delete_bytes, insert_bytes, truncate, shuffle_lines, change_line_ends, recode,
    inject_text, quote_cells,
)  # fmt: skip
_RAW = (flip_bits, overwrite_bytes, delete_bytes, insert_bytes, truncate)
_XML = (
    (rb' t="[^"]*"', (b' t="s"', b' t="n"', b' t="b"', b' t="e"', b' t="str"', b' t="d"', b"")),
    (rb' r="[^"]*"', (b' r="B2"', b' r="3"', b' r="A1048577"', b' r="-1"', b' r="0"', b' r="ZZZ9"', b"")),
    (rb"<is><t>[^<]*</t></is>", (b"<v>5</v>", b"<f>1+1</f><v>2</v>", b"<is/>", b"", b"<is><r><t>x</t></r></is>")),
    (rb"</sheetData>", (b'</sheetData><mergeCells><mergeCell ref="A1:B2"/></mergeCells>', b"")),
    (rb"<row ", (b'<row hidden="1" ', b"<raw ", b'<row ht="x" ')),
    (rb"<c ", (b'<c s="99" ', b"<d ", b"<c><v>1</v></c><c ")),
)  # fmt: skip


def edit_sheet(rng: random.Random, name: str, body: bytes) -> bytes:
    """One place of a sheet's XML."""
    pattern, others = rng.choice(_XML)
    places = list(re.finditer(pattern, body))
    if not name.startswith("xl/worksheets") or not places:
        return body
    place = rng.choice(places)
    return body[: place.start()] + rng.choice(others) + body[place.end() :]


def damage_archive(rng: random.Random, data: bytes, plain: bool) -> bytes:
    """The archive's own bytes, or a member put back after damage with a right checksum."""
    if rng.random() < 0.4:
        return rng.choice(_RAW)(rng, data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    at = rng.randrange(len(members))
    name, body = members[at]
    if not plain and rng.random() < 0.7:
        members = [(n, edit_sheet(rng, n, b)) for n, b in members]
    elif rng.random() < 0.2:
        members[at] = (rng.choice((name.upper(), "../" + name, "x/" + name, name + "x")), body)
    else:
        members[at] = (name, rng.choice(PLAIN if plain else _RAW)(rng, body))
    if rng.random() < 0.1:
        rng.shuffle(members)
    return write_zip(*members)
