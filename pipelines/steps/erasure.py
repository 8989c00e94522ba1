"""Erasing what the programme may hold no longer: planned, agreed to by two people, done class by class, certified.

`HOME/erasure/NNN/{certificate.pdf, certificate.p7s}`. Whatever kills it, `run` goes on where it stopped: keys and files
that are gone stay gone, each class is marked when it is done, the ledger's part is one transaction, and the certificate
is made only after a search found nothing. The same run again changes nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipelines.failpoints import failpoint
from pipelines.files import write_whole
from pipelines.intake.staging import sha256
from pipelines.ledger import approvals, erasing, tables
from pipelines.ledger.balance import assert_balanced, take_balance
from pipelines.ledger.erasing import ErasureRefused
from pipelines.ledger.personal import CLASSES_JA, Class
from pipelines.ledger.store import chain_head, insert_new, record, verify_chain
from pipelines.link.seal import sign_detached
from pipelines.outputs.erasure_certificate import (
    ErasedPart,
    ErasureCertificate,
    PartyPart,
    write_certificate,
)
from pipelines.steps import holdings, party_erasure, pseudonyms, remaining
from pipelines.steps.campaign import Campaign
from pipelines.steps.remaining import Searched
from pipelines.steps.roles import Act, Actor

ERASED = "erasure.erased"  # the audit event of a class; of payment records it binds what stands afterwards
STATES_JA = {
    "planned": "承認待ち、または実行待ち", "replaced": "取り下げ", "begun": "実行中", "searched": "実行中",
    "certified": "消去報告書を発行済み",
}  # fmt: skip
_IN_LEDGER = (Class.PROTECTIONS, Class.CLAIM_DETAILS, Class.PAYMENT_RECORDS)
_OPEN = ("planned", "begun", "searched")
_HOW = {
    "keys": "鍵の破棄、ファイルの上書きと削除",
    "ledger": "台帳の該当欄の消去・置換え、データベースの再編成",
    "both": "鍵の破棄、ファイルの上書きと削除、台帳の行の削除",
}


@dataclass(frozen=True)
class Plan:
    """One erasure. parts: class -> counts and the end of its period; state: as in the ledger."""

    number: int
    planned_on: date
    drafter: str
    content: str
    state: str
    certified_on: date | None

    @property
    def subject(self) -> str:
        """What is approved."""
        return f"erasure:{self.number}"

    @property
    def hash(self) -> str:
        """Of everything that is agreed to."""
        return sha256(self.content.encode())

    @property
    def parts(self) -> dict[Class, dict[str, Any]]:
        """Class -> what is erased of it."""
        return {Class(name): told for name, told in json.loads(self.content)["parts"].items()}


def plan(c: Campaign, actor: Actor, day: date) -> Plan | None:
    """Plan the erasure of every class whose period is over; None if there is nothing to erase.

    Raises:
        NotAllowed: the actor's roles do not allow it.
        ErasureRefused: a hold, an unknown payment, a recovery or a delivery still needs the data.
    """
    actor.assert_may(Act.PLAN_ERASURE)
    return _plan(c, actor.name, day)


def draft(c: Campaign, drafter: str, day: date) -> dict[str, Any]:
    """The same for a scheduled run: what people are asked to approve; nothing is needed while nothing is due.

    What is still needed is told, and nothing is planned.
    """
    try:
        made = _plan(c, drafter, day)
    except ErasureRefused as error:
        c.note_refusal("erasure", str(error), day)
        return {"subject": "erasure", "hash": "", "needed": 0, "refused": str(error)}
    if made is None:
        return {"subject": "erasure", "hash": "", "needed": 0}
    totals = {
        name: sum(int(told[name]) for told in made.parts.values())
        for name in ("files", "keys", "rows")
    }
    needed = c.programme.people.erasure_approvals
    return {
        "subject": made.subject, "hash": made.hash, "needed": needed, "classes": len(made.parts), **totals
    }  # fmt: skip


def approve(c: Campaign, actor: Actor, day: date) -> int:
    """Agree to the plan that stands; returns how many people must still agree.

    Raises:
        NotAllowed: the actor's roles do not allow it.
        ApprovalRefused: the actor planned it.
        ErasureRefused: there is no plan, or what would be erased has changed since.
    """
    actor.assert_may(Act.APPROVE_ERASURE)
    standing = _standing(c, "planned")
    if _content(c, standing.planned_on) != standing.content:
        raise ErasureRefused(
            f"消去{standing.number}: 計画のあとで内容が変わりました。kyufu erasure plan をやり直してください。"
        )
    with c.ledger.write() as connection:
        approvals.decide(
            connection, c.programme.id, standing.subject, standing.hash, actor.name, True, standing.drafter, day
        )  # fmt: skip
    return max(0, c.programme.people.erasure_approvals - len(_approved_by(c, standing)))


def run(c: Campaign, day: date) -> dict[str, Any]:
    """Carry out the erasure that two people agreed to, from wherever an earlier run stopped, and certify it.

    Raises:
        ErasureRefused: there is none, something still needs the data, or the plan no longer fits.
        ApprovalRefused: too few people agreed.
        Remains: something that was erased still stands somewhere.
    """
    found = latest(c)
    if found is not None and found.state == "certified":
        remaining.forget_list(c, found.number)
        return {"number": found.number, "repeated": True}
    standing = _standing(c, *_OPEN)
    with c.ledger.read() as connection:
        needed = c.programme.people.erasure_approvals
        approvals.assert_approved(
            connection, c.programme.id, standing.subject, standing.hash, needed
        )
    if standing.state == "planned":
        _begin(c, standing, day)
    for wanted in standing.parts:
        _erase(c, standing, wanted, day)
    erasing.shrink(c.ledger.engine)
    failpoint("erasure.shrunk")
    searched = remaining.search(c, standing.number)
    remaining.assert_nothing_remains(searched)
    failpoint("erasure.searched")
    _certify(c, standing, searched, day)
    remaining.forget_list(c, standing.number)
    return {"number": standing.number, "classes": len(standing.parts), "repeated": False}


def is_approved(c: Campaign, standing: Plan) -> bool:
    """Whether enough people agreed to it and nobody rejected it."""
    with c.ledger.read() as connection:
        if approvals.is_rejected(connection, c.programme.id, standing.subject):
            return False
    return len(_approved_by(c, standing)) >= c.programme.people.erasure_approvals


def latest(c: Campaign) -> Plan | None:
    """The newest erasure, whatever its state; None if there is none."""
    e = tables.erasure
    query = sa.select(e).filter_by(programme=c.programme.id).order_by(e.c.number.desc()).limit(1)
    with c.ledger.read() as connection:
        row = connection.execute(query).mappings().one_or_none()
    names = ("number", "planned_on", "drafter", "content", "state", "certified_on")
    return None if row is None else Plan(**{name: row[name] for name in names})


def erased_on(c: Campaign, wanted: Class) -> date | None:
    """When a class was last erased; None if it was not."""
    p = tables.erasure_part
    query = sa.select(sa.func.max(p.c.erased_on)).filter_by(
        programme=c.programme.id, part=str(wanted)
    )
    with c.ledger.read() as connection:
        found: date | None = connection.execute(query).scalar_one()
    return found


def list_classes(c: Campaign, day: date) -> list[dict[str, Any]]:
    """Every class: what is held of it, until when, whether that is over, and when it was erased."""
    found = []
    for wanted in Class:
        if (until := c.programme.retention.get(wanted.value)) is None:
            continue
        on = erased_on(c, wanted)
        counts = holdings.held(c, wanted).as_dict()
        found.append(
            {
                "class": str(wanted), "what": CLASSES_JA[wanted], "until": until.isoformat(), **counts,
                "overdue": day > until and any(counts.values()), "erased_on": on and on.isoformat(),
            }
        )  # fmt: skip
    return found


def due(c: Campaign, day: date) -> list[Class]:
    """The classes whose period is over on that day, in the order in which they are erased."""
    return [
        wanted for wanted in Class if (until := c.programme.retention.get(wanted.value)) and until < day
    ]  # fmt: skip


def certificate_folder(c: Campaign, number: int) -> Path:
    """Where an erasure's certificate lies."""
    return c.home / "erasure" / f"{number:03d}"


def _plan(c: Campaign, drafter: str, day: date) -> Plan | None:
    before = latest(c)
    if before is not None and before.state in ("begun", "searched"):
        return before  # it must be finished first
    content = _content(c, day)
    if not json.loads(content)["parts"]:
        return None
    with c.ledger.read() as connection:
        erasing.assert_not_needed(connection, c.programme.id)
    if before is not None and before.state == "planned" and before.content == content:
        return before
    number = before.number + 1 if before else 1
    if before is not None and before.state == "planned":
        remaining.forget_list(c, before.number)
    with c.ledger.write() as connection:
        e = tables.erasure
        connection.execute(
            sa.update(e).filter_by(programme=c.programme.id, state="planned").values(state="replaced")
        )  # fmt: skip
        values = {"number": number, "planned_on": day, "drafter": drafter, "content": content}
        connection.execute(sa.insert(e).values(programme=c.programme.id, state="planned", **values))
        detail = {"sha256": sha256(content.encode()), "classes": list(json.loads(content)["parts"])}
        record(
            connection, c.programme.id, "erasure.planned", drafter, f"erasure:{number}", detail, day
        )  # fmt: skip
    failpoint("erasure.planned")
    return latest(c)


def _content(c: Campaign, day: date) -> str:
    """What would be erased, by class; a class of which nothing is left is none of it."""
    parts = {}
    for wanted in due(c, day):
        counts = holdings.held(c, wanted).as_dict()
        if any(counts.values()):
            parts[str(wanted)] = {
                **counts,
                "until": c.programme.retention[wanted.value].isoformat(),
            }
    return json.dumps({"day": day.isoformat(), "parts": parts}, ensure_ascii=False)


def _standing(c: Campaign, *states: str) -> Plan:
    found = latest(c)
    if found is None or found.state not in states:
        raise ErasureRefused("消去の計画がありません。先に kyufu erasure plan を実行してください。")
    return found


def _approved_by(c: Campaign, standing: Plan) -> list[str]:
    a = tables.approval
    query = sa.select(a.c.actor).filter_by(
        programme=c.programme.id, subject=standing.subject, subject_hash=standing.hash, decision="approve"
    )  # fmt: skip
    with c.ledger.read() as connection:
        return sorted(connection.execute(query).scalars())


def _begin(c: Campaign, standing: Plan, day: date) -> None:
    """Look once more whether everything is as it was agreed to, and gather what will be searched for."""
    with c.ledger.read() as connection:
        erasing.assert_not_needed(connection, c.programme.id)
        assert_balanced(take_balance(connection, c.programme.id))
        verify_chain(connection)
        if Class.PAYMENT_RECORDS in standing.parts:
            erasing.assert_bound(connection, c.programme.id)
    if _content(c, standing.planned_on) != standing.content:
        raise ErasureRefused(
            f"消去{standing.number}: 承認のあとで内容が変わりました。kyufu erasure plan をやり直してください。"
        )
    values = remaining.make_list(c, standing.number, standing.parts)
    failpoint("erasure.listed")
    with c.ledger.write() as connection:
        _set_state(c, connection, standing, "begun")
        detail = {"sha256": standing.hash, "searched_values": values}
        record(
            connection, c.programme.id, "erasure.begun", "system", standing.subject, detail, day
        )  # fmt: skip


def _set_state(
    c: Campaign, connection: sa.Connection, standing: Plan, state: str, **values: Any
) -> None:
    connection.execute(
        sa.update(tables.erasure)
        .filter_by(programme=c.programme.id, number=standing.number)
        .values(state=state, **values)
    )


def _erase(c: Campaign, standing: Plan, wanted: Class, day: date) -> None:
    """One class, once: its files first, then its rows with the mark that it is done."""
    if wanted in _done(c, standing):
        return
    holdings.erase_files(c, wanted)
    people, households = (
        partial(of, c) for of in (pseudonyms.person_digests, pseudonyms.household_digests)
    )
    told = {**standing.parts[wanted], "class": str(wanted)}
    with c.ledger.write() as connection:
        if wanted in _IN_LEDGER:
            erasing.erase(connection, c.programme.id, wanted, people, households)
        if wanted is Class.PAYMENT_RECORDS:
            told["bound"] = erasing.bound(connection, c.programme.id)
        row = {"number": standing.number, "part": str(wanted), "erased_on": day}
        counts = {name: told[name] for name in ("files", "keys", "rows")}
        told_of = {"programme": c.programme.id, **row, "told": json.dumps(counts)}
        insert_new(connection, tables.erasure_part, [told_of])
        record(connection, c.programme.id, ERASED, "system", standing.subject, told, day)
        failpoint("erasure.part_before_commit")
    failpoint("erasure.part_erased")


def _done(c: Campaign, standing: Plan) -> dict[Class, Mapping[str, Any]]:
    p = tables.erasure_part
    query = sa.select(p.c.part, p.c.erased_on, p.c.told).filter_by(
        programme=c.programme.id, number=standing.number
    )
    with c.ledger.read() as connection:
        return {
            Class(part): {**json.loads(told), "erased_on": on}
            for part, on, told in connection.execute(query)
        }


def _certify(c: Campaign, standing: Plan, searched: Searched, day: date) -> None:
    """Write and sign the certificate, then enter it; killed in between, it is written again."""
    pdf = write_certificate(_certificate(c, standing, searched, day))
    folder = certificate_folder(c, standing.number)
    write_whole(folder / "certificate.pdf", pdf)
    write_whole(folder / "certificate.p7s", sign_detached(pdf, c.ward))
    failpoint("erasure.signed")
    with c.ledger.write() as connection:
        _set_state(
            c, connection, standing, "certified", certified_on=day, certificate_sha256=sha256(pdf)
        )
        detail = {
            "sha256": sha256(pdf), "searched_values": searched.values, "searched_files": searched.files,
            "searched_tables": searched.tables,
        }  # fmt: skip
        record(
            connection, c.programme.id, "erasure.certified", "system", standing.subject, detail, day
        )  # fmt: skip
    failpoint("erasure.certified")


def _certificate(c: Campaign, standing: Plan, searched: Searched, day: date) -> ErasureCertificate:
    done, benefit = _done(c, standing), c.programme.benefit
    with c.ledger.read() as connection:
        number, head = chain_head(connection)
    kept = {
        CLASSES_JA[wanted]: c.programme.retention[wanted.value].isoformat()
        for wanted in Class
        if wanted.value in c.programme.retention and wanted not in due(c, standing.planned_on)
    }
    return ErasureCertificate(
        number=standing.number,
        day=day,
        programme=benefit.name + ("(デモンストレーション)" if c.programme.is_demonstration else ""),
        municipality=benefit.municipality,
        office=benefit.office,
        approved_by=_approved_by(c, standing),
        plan_sha256=standing.hash,
        parts=[
            ErasedPart(
                CLASSES_JA[wanted], told["until"], str(done[wanted]["erased_on"]), told["files"], told["keys"],
                told["rows"], _HOW[_way(wanted)],
            )
            for wanted, told in standing.parts.items()
        ],
        kept=kept,
        parties=[PartyPart(one.name, one.told(day)) for one in party_erasure.standing(c)],
        searched=(
            f"消去した氏名・番号・住所・口座の値{searched.values:,}件を、残っているファイル{searched.files:,}個と"
            f"台帳の表{searched.tables}個のすべてのバイトから探し、一件もないことを確認しました。"
        ),
        not_covered=_not_covered(c),
        chain=f"監査記録は個人情報を含まないまま残り、{number}番まで検証できます(ハッシュ {head})。",
    )  # fmt: skip


def _way(wanted: Class) -> str:
    if wanted is Class.PROTECTIONS:
        return "both"
    return "ledger" if wanted in _IN_LEDGER else "keys"


def _not_covered(c: Campaign) -> list[str]:
    """What no search here can reach, as the certificate says it."""
    found = [
        "紙の書類(申請書、点字の一覧、引継書など)。区の文書管理により廃棄します。",
        "記憶装置の中で再配置された領域。装置の暗号化と、廃棄時の消去によります。",
        "監査記録の照会用ダイジェスト。区の鍵(keys/audit_subjects.key)を持つ者だけが、番号を知っている人について照会できます。"
        "保留番号・受付番号は残ります。",
        "相手先の装置。上の証明書によります。",
    ]
    if c.settings.backups is None:
        found.append(
            "Kyufuの外に取ったバックアップ(KYUFU_BACKUPS の指定なし)。保存データは鍵の破棄により読めませんが、"
            "台帳と鍵の写しは区が廃棄します。"
        )
    if not c.settings.ledger_url.startswith("sqlite"):
        found.append(
            "PostgreSQLのWALアーカイブ、複製、論理バックアップ。VACUUM FULLでは消えません。"
            "保存期限の過ぎたものを区が廃棄します。"
        )
    return found
