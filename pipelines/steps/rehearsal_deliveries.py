"""A rehearsal's delivery to a party: the real way, with files about nobody that nobody may use."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.disclosure.release import make_release
from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.outputs.business_days import transfer_date
from pipelines.outputs.rehearsal_samples import Sample, sample_forms, sample_name, sample_payments
from pipelines.steps import outbox, payments
from pipelines.steps.campaign import Campaign
from pipelines.steps.form_profile import form_profile

_MOST_A_DAY = 99


def deliver(c: Campaign, party_id: str, day: date) -> dict[str, Any]:
    """Send a party the day's next rehearsal and wait until it has acknowledged it.

    One that was not acknowledged is brought to its end first: a second try sends no second file.

    Raises:
        KyufuError: nothing goes to that party, or it refused the file.
        DisclosureRefused: the party is not connected on that day.
        InputMissing: no acknowledgement came in time.
    """
    sample = _sample(c, party_id, day)
    with c.ledger.write() as connection:
        name = _next_name(c, connection, sample, day)
        if not _is_known(c, connection, name):
            release = make_release(
                c.programme, c.guard(day), sample.disclosure, name=name, payload=sample.payload,
                columns=sample.columns, people=frozenset(), records=sample.records, sum_yen=sample.sum_yen, day=day,
                to=party_id, medium="lgwan",
            )  # fmt: skip
            outbox.keep(c, connection, release)
    outbox.send(c, name, day)
    return outbox.await_acknowledgement(c, name, day)


def _sample(c: Campaign, party_id: str, day: date) -> Sample:
    role = c.programme.party(party_id).role
    if role == "print_contractor":
        return sample_forms(form_profile(c.programme))
    if role == "bank":
        on = transfer_date(day, c.programme.bank.lead_business_days)
        return sample_payments(payments.header(c, on), payments.profile(c))
    raise KyufuError(
        f"{c.programme.party(party_id).name}には、区から送るものがありません。"
        "相手方から区への予行は docs/interfaces/jlis.md のとおりです。"
    )


def _next_name(c: Campaign, connection: sa.Connection, sample: Sample, day: date) -> str:
    r = tables.release.c
    query = sa.select(r.name).where(r.programme == c.programme.id, r.acknowledged)
    done = set(connection.execute(query).scalars())
    for number in range(1, _MOST_A_DAY + 1):
        if (name := sample_name(sample, day, number)) not in done:
            return name
    raise KyufuError(f"{day}: 予行の送付は一日{_MOST_A_DAY}回までです。")


def _is_known(c: Campaign, connection: sa.Connection, name: str) -> bool:
    query = sa.select(tables.release.c.name).filter_by(programme=c.programme.id, name=name)
    return connection.execute(query).scalar_one_or_none() is not None
