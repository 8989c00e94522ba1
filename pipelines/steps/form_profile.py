"""What the print contractor asks for, as the programme file says it, and how it makes a text look."""

from collections.abc import Iterable

from pipelines.outputs._csv import CsvProfile
from pipelines.outputs.forms import FormsProfile
from pipelines.outputs.print_characters import CharacterSet, replace_text
from pipelines.programme import Programme

_LINE_ENDS = {"crlf": "\r\n", "lf": "\n"}


def form_profile(programme: Programme) -> FormsProfile:
    """The contractor's profile (`[forms]`)."""
    asked = programme.forms
    own = {chr(int(code.removeprefix("U+"), 16)): one for code, one in asked.shrink.items()}
    codec = "cp932" if asked.encoding == "cp932" else "utf-8"
    return FormsProfile(
        CsvProfile(asked.encoding, _LINE_ENDS[asked.line_end], asked.quoting == "all"),
        asked.max_members,
        characters=CharacterSet(asked.characters, codec, asked.gaiji == "keep", own),
    )


def as_written_and_printed(texts: Iterable[str], profile: FormsProfile) -> tuple[str, ...]:
    """Texts as the register has them, and, where the printer's fonts change them, as they are printed too."""
    written = tuple(texts)
    printed = (replace_text(text or "", profile.characters)[0] for text in written)
    return (
        *written,
        *(new for new, text in zip(printed, written, strict=True) if new != (text or "")),
    )
