"""The bank is asked about accounts before the first payment goes to them, where the programme says so.

Every day before the draft: the bank's answers are taken in, and it is asked about the accounts that came new. Who waits
for an answer is approved and not drafted; whose account the bank does not confirm is held.
"""

from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.disclosure.release import make_release
from pipelines.errors import InputRefused
from pipelines.failpoints import failpoint
from pipelines.ledger import account_checks
from pipelines.ledger.account_checks import Asked
from pipelines.link import receiving
from pipelines.link.session import SFTPClient
from pipelines.outputs import zengin
from pipelines.programme import AccountCheck, ProgrammeError
from pipelines.steps import fetching, outbox, party_outbox
from pipelines.steps.campaign import Campaign
from pipelines.steps.payments import header, profile

BANK = "bank"
STEP = "accounts.ask"
_DISCLOSURE = "account_checks"
_COLUMNS = (
    "bank_code", "branch_code", "account_type", "account_number", "account_holder_kana", "query_key",
)  # fmt: skip


def check(c: Campaign, day: date) -> dict[str, Any]:
    """Take the bank's answers in, then ask about the accounts that are new, where the programme asks at all."""
    if (settings := c.programme.bank.account_check) is None:
        return {}
    how = check_profile(c, settings)
    answers = _take_answers(c, how, day)
    asked = c.ledger.once(STEP, day, lambda connection: _ask(c, how, connection, day))
    for name in asked["names"]:
        outbox.send(c, name, day)
    with c.ledger.read() as connection:
        waiting = account_checks.unanswered(connection, c.programme.id)
    return {"asked": asked["accounts"], "answers": answers, "files_waiting": len(waiting)}


def check_profile(c: Campaign, settings: AccountCheck) -> zengin.CheckProfile:
    """How the programme's bank is asked.

    Raises:
        ProgrammeError: the positions or codes cannot be.
    """
    try:
        return zengin.CheckProfile(profile(c), settings.columns, settings.answers)
    except ValueError as error:
        raise ProgrammeError(f"programme {c.programme.id}: [bank.account_check] {error}") from None


def _ask(
    c: Campaign, how: zengin.CheckProfile, connection: sa.Connection, day: date
) -> dict[str, Any]:
    """Make the day's files of accounts that are new; the bank is asked about none twice."""
    found = account_checks.unasked(
        connection, c.programme.id, lambda holder: zengin.bank_name_kana(holder).value
    )
    names = []
    size = c.programme.bank.max_records
    for number, start in enumerate(range(0, len(found), size), start=1):
        name = f"accounts_{day:%Y%m%d}_{number:02d}.txt"
        _build(c, how, connection, name, found[start : start + size], day)
        names.append(name)
    return {"names": names, "accounts": len(found)}


def _build(
    c: Campaign, how: zengin.CheckProfile, connection: sa.Connection, name: str, asked: list[Asked], day: date
) -> None:  # fmt: skip
    """One file, read back against what it asks, and its release."""
    queries = [_query(one) for one in asked]
    payload = zengin.write_queries(header(c, day), queries, how)
    if zengin.read_queries(payload, how) != queries:
        raise InputRefused(f"{name}: 作成したファイルが照会する口座と一致しません。送りません。")
    made = make_release(
        c.programme, c.guard(day), _DISCLOSURE, name=name, payload=payload, columns=_COLUMNS,
        people=frozenset(person for one in asked for person in one.people), records=len(asked), sum_yen=None, day=day,
    )  # fmt: skip
    account_checks.ask(connection, c.programme.id, name, asked, day)
    outbox.keep(c, connection, made)


def _query(one: Asked) -> zengin.Query:
    return zengin.Query(
        one.bank_code, one.branch_code, one.account_type, one.account_number, one.payee_kana, one.query_key
    )  # fmt: skip


def _take_answers(c: Campaign, how: zengin.CheckProfile, day: date) -> dict[str, int]:
    """Take in every answer that lies in the bank's outbox; accounts by answer."""
    with c.ledger.read() as connection:
        names = account_checks.unanswered(connection, c.programme.id)
    if not names or not c.programme.party(BANK).connection.holds(day):
        return {}
    counts: dict[str, int] = {}
    with c.session(BANK) as sftp:
        for name in names:
            outbox.send(c, name, day)  # a day that was killed before it had sent
            for what, count in _take(c, how, sftp, name, day).items():
                counts[what] = counts.get(what, 0) + count
    return counts


def _take(
    c: Campaign, how: zengin.CheckProfile, sftp: SFTPClient, name: str, day: date
) -> dict[str, int]:
    """The answer to one file, once it is there.

    Raises:
        InputRefused: it is not in the bank's layout, or about other accounts than were asked.
    """
    told = f"result_{name}"
    if not receiving.is_published(sftp, party_outbox.OUTBOX, told):
        return {}
    outbox.await_acknowledgement(c, name, day)
    received = fetching.take(c, sftp, BANK, told, day)
    answers = _read(c, how, name, received)
    failpoint("accounts.read")
    with c.ledger.write() as connection:
        counts = account_checks.answer(
            connection, c.programme.id, name, {query.key: what for query, what in answers}, zengin.CONFIRMED,
            c.programme.findings, day,
        )  # fmt: skip
        party_outbox.record_taken(connection, c.programme.id, BANK, received.manifest, day)
    return counts


def _read(
    c: Campaign, how: zengin.CheckProfile, name: str, received: receiving.Received
) -> list[tuple[zengin.Query, str]]:
    try:
        answers = zengin.read_answers(received.payload, how)
    except zengin.ZenginError as error:
        raise InputRefused(
            f"{received.manifest.name}: 口座照会の結果として読めません({error})。受け取っていません。"
            "銀行に確認し、正しいファイルを送り直してもらってください。"
        ) from None
    fetching.assert_declared(received.manifest, len(answers), None)
    asked = zengin.read_queries(outbox.read_payload(c, name), how)
    if [query for query, _ in answers] != asked:
        raise InputRefused(
            f"{received.manifest.name}: 照会した口座と違う口座の結果です。受け取っていません。銀行に確認してください。"
        )
    return answers
