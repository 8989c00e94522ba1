"""How a bank may answer otherwise than one result for every transfer: for tests, asked for in `moods.json`.

`moods.json` beside `accounts.csv` names payment files and the mood of each. Without it every transfer is answered once.
"""

import json
from dataclasses import replace
from pathlib import Path

from pipelines.link.parties._accounts import PROCESSED
from pipelines.link.parties._zengin import Transfer

Answers = list[tuple[Transfer, int]]

OTHER_REASON = 9
STRANGE_KEY = b"9999999999"
KEY = slice(91, 101)  # 顧客コード1


def mood_of(inputs: Path, payment_file: str) -> str:
    """The mood asked for, or none."""
    path = inputs / "moods.json"
    if not path.is_file():
        return ""
    mood = json.loads(path.read_text(encoding="utf-8")).get(payment_file, "")
    if mood and mood not in MOODS:
        raise ValueError(f"{path}: unknown mood {mood}")
    return str(mood)


def in_mood(mood: str, answers: Answers) -> tuple[Answers, Answers]:
    """(what the payment file's own result says, what a later file says)."""
    return MOODS[mood](answers) if mood else (answers, [])


def _partial(answers: Answers) -> tuple[Answers, Answers]:
    return answers[:-1], []


def _unknown_key(answers: Answers) -> tuple[Answers, Answers]:
    transfer, code = answers[0]
    record = transfer.record[: KEY.start] + STRANGE_KEY + transfer.record[KEY.stop :]
    return [*answers, (replace(transfer, record=record), code)], []


def _contradiction(answers: Answers) -> tuple[Answers, Answers]:
    transfer, code = answers[0]
    other = OTHER_REASON if code == PROCESSED else PROCESSED
    return [*answers, (transfer, other)], []


def _late_return(answers: Answers) -> tuple[Answers, Answers]:
    paid = [transfer for transfer, code in answers if code == PROCESSED]
    return answers, [(transfer, OTHER_REASON) for transfer in paid[:1]]


MOODS = {
    "partial": _partial,
    "unknown_key": _unknown_key,
    "contradiction": _contradiction,
    "late_return": _late_return,
}
