"""Stopping and resuming all sending, by signed-in people."""

from datetime import date

from pipelines.errors import KyufuError
from pipelines.ledger import stops
from pipelines.ledger.stops import Stop
from pipelines.steps.campaign import Campaign
from pipelines.steps.reasons import assert_given
from pipelines.steps.roles import Act, Actor


class ReasonRefused(KyufuError):
    """The reason is missing or too long."""


def stop(c: Campaign, reason: str, actor: Actor, day: date) -> Stop:
    """Stop all sending of the programme at once: every party, every file, in every process.

    Raises:
        NotAllowed: the actor's roles do not allow it.
        ReasonRefused: no reason is given, or one too long.
    """
    actor.assert_may(Act.STOP)
    why = _checked(reason)
    with c.ledger.write() as connection:
        return stops.stop(connection, c.programme.id, actor.name, why, day)


def resume(c: Campaign, reason: str, actor: Actor, day: date) -> Stop:
    """Agree to send again; sending goes on when a second person has agreed as well.

    Raises:
        NotAllowed: the actor's roles do not allow it.
        ReasonRefused: no reason is given, or one too long.
        NotStopped: sending is not stopped.
        ApprovalRefused: the same person agreed before.
    """
    actor.assert_may(Act.RESUME)
    why = _checked(reason)
    with c.ledger.write() as connection:
        return stops.resume(connection, c.programme.id, actor.name, why, day)


def _checked(reason: str) -> str:
    why = " ".join(reason.split())
    assert_given(why, ReasonRefused, "理由")
    return why
