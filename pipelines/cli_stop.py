"""`kyufu stop`, `kyufu resume`: the brake of all sending, for a signed-in person at a terminal."""

from rich.markup import escape

from pipelines import sign_in
from pipelines.terminal import Home, Programme, Reason, console, today


def stop(reason: Reason, programme: Programme = None, home: Home = None) -> None:
    """Stop all sending of the programme at once; what is being renamed at a receiver is still finished."""
    from pipelines.steps import stops

    c, actor = sign_in.open_signed_in(programme, home)
    made = stops.stop(c, reason, actor, today())
    console.print(
        escape(f"{c.programme.id}: すべての送付を停止しました({actor.name}、停止{made.number})。")
    )
    console.print("再開には、職員2人がそれぞれ kyufu resume を実行します。")


def resume(reason: Reason, programme: Programme = None, home: Home = None) -> None:
    """Agree to send again; it takes two different people."""
    from pipelines.ledger.stops import NEEDED
    from pipelines.steps import stops

    c, actor = sign_in.open_signed_in(programme, home)
    after = stops.resume(c, reason, actor, today())
    if after.stands:
        left = NEEDED - len(after.agreed)
        told = f"再開への同意を記録しました({actor.name})。再開には、あと{left}人の別の職員の同意が必要です。"
    else:
        who = "、".join(name for name, _ in after.agreed)
        told = f"送付を再開しました({who})。止まった処理をもう一度実行してください。"
    console.print(escape(f"{c.programme.id}: {told}"))
