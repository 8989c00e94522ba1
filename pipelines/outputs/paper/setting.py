"""Setting one template: what Typst does, in this process or in one of its own.

Typst keeps what it has set for as long as its process lives, a hundred megabytes a thousand pages. So a document of
many pages is set by ``python -m pipelines.outputs.paper.setting TEMPLATE DAY``: its data comes in by standard input,
the PDF goes out by standard output, and the memory goes with the process. It also reads the finished pages back
(`reading`), so that two documents can be set and read at once.
"""

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import noto_cjk_sans_jp_bold
import noto_cjk_sans_jp_regular
import typst

from pipelines.errors import KyufuError
from pipelines.outputs.paper.reading import read_pages, remember

TEMPLATES = Path(__file__).parent / "templates"
FONTS = [
    Path(package.__file__).parent for package in (noto_cjk_sans_jp_regular, noto_cjk_sans_jp_bold)
]
_SIZE = 8  # bytes
_LARGE = 50_000  # characters of data; about two hundred letters


def set_pages(template: str, data: str, day: date) -> bytes:
    """The PDF of a template and its data as JSON; see `typesetting.typeset`.

    Raises:
        KyufuError: the process that sets a large document failed.
    """
    return _beside(template, data, day) if len(data) > _LARGE else _here(template, data, day)


def _here(template: str, data: str, day: date) -> bytes:
    made = typst.compile(
        TEMPLATES / f"{template}.typ",
        root=TEMPLATES,
        font_paths=_fonts(),
        sys_inputs={"data": data},
        timestamp=datetime(day.year, day.month, day.day, tzinfo=UTC),
        pdf_tags=False,  # for print: a page's structure takes more room and time than its text
    )
    return bytes(made)


def _beside(template: str, data: str, day: date) -> bytes:
    command = [sys.executable, "-m", __name__, template, day.isoformat()]
    done = subprocess.run(command, input=data.encode(), capture_output=True, check=False)
    if done.returncode:
        raise KyufuError(
            f"{template}: 組版の処理が終了コード{done.returncode}で終わりました。もう一度実行してください。"
        )
    size = int.from_bytes(done.stdout[:_SIZE])
    pdf = done.stdout[_SIZE : _SIZE + size]
    remember(pdf, json.loads(done.stdout[_SIZE + size :]))
    return pdf


def _answer(template: str, day: date) -> None:
    """As the process beside: the PDF behind its size, then the texts of its pages."""
    pdf = _here(template, sys.stdin.buffer.read().decode(), day)
    for part in (len(pdf).to_bytes(_SIZE), pdf, json.dumps(read_pages(pdf)).encode()):
        sys.stdout.buffer.write(part)


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    """The fonts, opened once."""
    paths: list[Any] = list(FONTS)
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=paths)


if __name__ == "__main__":
    _answer(sys.argv[1], date.fromisoformat(sys.argv[2]))
