"""What a person writes to explain what they do: it is there, it is short, it holds no number of anybody."""

import re

from pipelines.errors import KyufuError

_LONGEST = 200
_DIGITS = re.compile(r"[0-9０-９]{6,}")


def assert_given(reason: str, refused: type[KyufuError], called: str = "決定の理由") -> None:
    """Assert that a reason is given and short enough.

    refused: the error to raise. called: what the message calls the reason.
    """
    if not reason.strip():
        raise refused(f"理由がありません。--reason に{called}を書いてください。")
    if len(reason) > _LONGEST:
        raise refused(f"理由が長すぎます({_LONGEST}字まで)。")


def assert_no_number(text: str, refused: type[KyufuError], called: str) -> None:
    """Assert that a text holds no number of a person or an account.

    refused: the error to raise. called: what the message calls the text.
    """
    if _DIGITS.search(text):
        raise refused(
            f"{called}に番号が含まれています。個人情報や口座番号を書かずに{called}を書いてください。"
        )
