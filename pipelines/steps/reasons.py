"""The reason that a person gives for a decision: there is one, and it is short."""

from pipelines.errors import KyufuError

_LONGEST = 200


def assert_given(reason: str, refused: type[KyufuError], called: str = "決定の理由") -> None:
    """Assert that a reason is given and short enough.

    refused: the error to raise. called: what the message calls the reason.
    """
    if not reason.strip():
        raise refused(f"理由がありません。--reason に{called}を書いてください。")
    if len(reason) > _LONGEST:
        raise refused(f"理由が長すぎます({_LONGEST}字まで)。")
