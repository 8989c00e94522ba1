"""How a refusal is looked at: its message, and the messages of every error a log would print with it."""

from collections.abc import Callable

import pytest

from pipelines.errors import KyufuError

CANARY = "見本秘密"  # stands in the bad row or cell; no message may show it


def refusal(kind: type[KyufuError], call: Callable[[], object], canary: str = CANARY) -> str:
    """The message with which `call` is refused; neither it nor what caused it shows the value."""
    with pytest.raises(kind) as caught:
        call()
    shown = []
    error: BaseException | None = caught.value
    while error is not None:
        shown.append(f"{error} {error.args}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert canary not in "\n".join(shown)
    return str(caught.value)
