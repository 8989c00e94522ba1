"""The print contractor's forms: the file by its profile, parsed again and compared with the register, and its proof."""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.disclosure.guard import Guard
from pipelines.disclosure.release import make_release
from pipelines.errors import KyufuError
from pipelines.intake.staging import sha256
from pipelines.outputs.form_proof import build_proof, choose_records, households_of
from pipelines.outputs.forms import DERIVED_COLUMNS, build_forms
from pipelines.outputs.forms_check import compare_printed, count_rows, read_forms
from pipelines.steps import outbox
from pipelines.steps.campaign import ITEMS, Campaign
from pipelines.steps.form_drafts import FormDraft
from pipelines.steps.form_profile import form_profile


def build(
    c: Campaign, connection: sa.Connection, guard: Guard, rows: pa.Table, draft: FormDraft
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
    payload = build_forms(rows.select(list(ITEMS)), asked)
    name, day = f"forms_{draft.stamp}.csv", draft.day
    # one after the other: each has the whole file open, as text and as columns
    pa.default_memory_pool().release_unused()
    proof, shown = _check(c, rows.select(list(ITEMS)), payload, name, day)
    pa.default_memory_pool().release_unused()
    made = make_release(
        c.programme, guard, "forms", name=name, payload=payload, columns=(*ITEMS, *DERIVED_COLUMNS),
        people=people, records=count_rows(payload, asked), sum_yen=None, day=day,
    )  # fmt: skip
    outbox.keep(c, connection, made)
    households = rows.column("household_id")
    on_proof = rows.filter(pc.is_in(households, value_set=pa.array(shown, pa.string())))
    proof_made = make_release(
        c.programme, guard, "form_proofs", name=f"proof_forms_{draft.stamp}.pdf", payload=proof,
        columns=(*ITEMS, *DERIVED_COLUMNS), people=frozenset(on_proof.column("person_id").to_pylist()),
        records=len(shown), sum_yen=None, day=day,
    )  # fmt: skip
    outbox.keep(c, connection, proof_made)
    return [made.name, proof_made.name]


def _check(
    c: Campaign, rows: pa.Table, payload: bytes, name: str, day: date
) -> tuple[bytes, list[str]]:
    """Read the finished file, compare it with the register, make its proof: the PDF, and whose households it shows.

    Raises:
        KyufuError: the finished file does not say what the register says.
    """
    asked = form_profile(c.programme)
    printed = read_forms(payload, asked)
    if differences := compare_printed(rows, printed, asked):
        raise KyufuError(
            f"forms {day}: 申請書と台帳が{len(differences)}か所違います。最初: {differences[0]}"
        )
    records = choose_records(printed, asked, c.programme.forms.proof_records)
    facts = {
        "事業": c.programme.benefit.name, "ファイル": name, "SHA-256": sha256(payload),
        "世帯": f"{pc.count_distinct(printed['household_id']).as_py():,}", "人": f"{printed.num_rows:,}",
        "行": f"{count_rows(payload, asked):,}",
        "形式": "、".join(str(value) for value in c.programme.forms.model_dump(exclude={"shrink"}).values()),
    }  # fmt: skip
    return build_proof(printed, asked, facts, records, day), households_of(printed, records)
