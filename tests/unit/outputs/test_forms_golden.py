"""Golden bytes of everything the forms' day makes; ``python -m tests.unit.outputs.test_forms_golden`` writes them.

Of a PDF the golden file holds the SHA-256 and the text of its pages, so that a difference can be read.
"""

from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from pipelines.outputs._csv import CsvProfile
from pipelines.outputs.braille_envelopes import build_brf, build_check_sheet, build_labels
from pipelines.outputs.form_proof import build_proof, choose_records
from pipelines.outputs.forms import FormsProfile, build_forms
from pipelines.outputs.forms_check import read_forms
from pipelines.outputs.paper.reading import page_texts
from pipelines.outputs.print_characters import CharacterSet
from tests.unit.outputs.test_braille_envelopes import EMBOSSER, ENVELOPES
from tests.unit.outputs.test_forms import PEOPLE, PRINTER, RARE, SMALL

GOLDEN = Path(__file__).parents[2] / "golden"
DAY = date(2020, 5, 18)
QUOTED = FormsProfile(
    CsvProfile("utf-8-sig", "\n", quotes_all=True), 2, 100_000, CharacterSet("jisx0208", keeps_gaiji=False)
)  # fmt: skip


def _proof() -> bytes:
    printed = read_forms(build_forms(RARE, PRINTER), PRINTER)
    return build_proof(
        printed, PRINTER, {"ファイル": "forms.csv"}, choose_records(printed, PRINTER, 50), DAY
    )


MADE = {
    "forms_small.csv": lambda: build_forms(PEOPLE, SMALL),
    "forms_cp932.csv": lambda: build_forms(RARE, PRINTER),
    "forms_quoted.csv": lambda: build_forms(RARE, QUOTED),
    "braille.brf": lambda: build_brf(ENVELOPES, EMBOSSER),
    "form_proof.pdf.txt": lambda: _described(_proof()),
    "braille_check.pdf.txt": lambda: _described(build_check_sheet(ENVELOPES, EMBOSSER, DAY)),
    "braille_labels.pdf.txt": lambda: _described(build_labels(ENVELOPES, 22, DAY)),
}


def _described(pdf: bytes) -> bytes:
    return "\n\f\n".join([sha256(pdf).hexdigest(), *page_texts(pdf)]).encode()


@pytest.mark.parametrize("name", MADE)
def test_bytes_are_the_golden_ones(name: str) -> None:
    assert MADE[name]() == (GOLDEN / name).read_bytes()


if __name__ == "__main__":
    for file, make in MADE.items():
        (GOLDEN / file).write_bytes(make())
