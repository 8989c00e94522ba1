"""The print contractor's forms: the file by its profile, parsed again and compared with the register, and its proof."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pyarrow as pa
import sqlalchemy as sa

from pipelines.disclosure.guard import Guard
from pipelines.disclosure.release import make_release
from pipelines.errors import KyufuError
from pipelines.outputs.forms import build_forms
from pipelines.outputs.forms_check import compare_printed, count_rows, read_forms
from pipelines.steps import outbox
from pipelines.steps.campaign import ITEMS, Campaign
from pipelines.steps.form_profile import form_profile

_DERIVED = ("barcode", "members", "line", "replaced")


def build(
    c: Campaign, connection: sa.Connection, guard: Guard, rows: pa.Table, day: date
) -> list[str]:
    """Build, check and keep the contractor's file of these people: the names of what was made.

    Raises:
        KyufuError: the finished file does not say what the register says.
        DisclosureRefused: something of it may not leave.
    """
    if rows.num_rows == 0:
        return []
    asked = form_profile(c.programme)
    people = frozenset(rows.column("person_id").to_pylist())
    rows = rows.select(list(ITEMS))
    payload = build_forms(rows, asked)

    def check() -> None:
        differences = compare_printed(rows, read_forms(payload, asked), asked)
        if differences:
            raise KyufuError(
                f"forms {day}: 申請書と台帳が{len(differences)}か所違います。最初: {differences[0]}"
            )

    with ThreadPoolExecutor(max_workers=1) as beside:
        checked = beside.submit(check)
        made = make_release(
            c.programme, guard, "forms", name=f"forms_{day:%Y%m%d}.csv", payload=payload, columns=(*ITEMS, *_DERIVED),
            people=people, records=count_rows(payload, asked), sum_yen=None, day=day,
        )  # fmt: skip
        checked.result()
    outbox.keep(c, connection, made)
    return [made.name]
