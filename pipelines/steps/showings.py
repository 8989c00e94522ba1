"""The one way to put on record that somebody's data was shown, exported or asked for (情報へのアクセス状況).

Who looked, why, at how many people, and (by pseudonym) at whom. Everything that shows a person goes through here, so
that `kyufu audit who` finds it and nobody looks who is not on the ward's roster.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import rosters
from pipelines.ledger.store import record
from pipelines.steps import concerned
from pipelines.steps.campaign import Campaign
from pipelines.steps.pseudonyms import pseudonym
from pipelines.steps.reasons import assert_no_number

MOST_IN_A_RECORD = 1_000  # people named in the audit record itself; more are kept beside it
_LONGEST = 200


class PurposeRefused(KyufuError):
    """No purpose is given, or one that tells a number."""


def record_showing(
    c: Campaign, connection: sa.Connection, event: str, actor: str, purpose: str, people: Iterable[str], day: date, *,
    subject: str | None = None, **detail: Any,
) -> None:  # fmt: skip
    """Enter one showing in the caller's transaction, before anything is shown.

    people: person ids whose data is shown; subject: what was looked at, the person unless told. detail: codes, counts
    and hashes only; `count` is of the people unless told.

    Raises:
        NotOnRoster: the actor is not on the ward's roster.
        PurposeRefused: no purpose, one too long, or one that holds a number.
    """
    rosters.assert_handler(connection, c.programme, actor)
    assert_purpose(purpose)
    whose = list(dict.fromkeys(people))
    found: dict[str, Any] = {"purpose": purpose, "count": len(whose), **detail}
    if subject is None and len(whose) == 1:
        subject = pseudonym(c, whose[0])
    elif len(whose) > MOST_IN_A_RECORD:
        name = f"{event}.{found.get('sha256', '')}"
        found |= {"people_kept": name, "people_sha256": concerned.keep(c, name, whose)}
    elif whose:
        found["people"] = [pseudonym(c, person) for person in whose]
    record(connection, c.programme.id, event, actor, subject or event.split(".")[0], found, day)


def assert_purpose(purpose: str) -> None:
    """A purpose is given and short, and holds no number of a person or an account.

    Raises:
        PurposeRefused: it is not so.
    """
    if not purpose.strip():
        raise PurposeRefused("目的がありません。--purpose に目的を書いてください。")
    if len(purpose) > _LONGEST:
        raise PurposeRefused(f"目的が長すぎます({_LONGEST}字まで)。")
    assert_no_number(purpose, PurposeRefused, "目的")
