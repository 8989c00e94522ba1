"""The whole campaign without Airflow: the same steps in the same order, day after day, with the simulated parties."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.errors import InputMissing, InputRefused
from pipelines.intake.receive import expected_files
from pipelines.link.pki import create_demonstration_pki
from pipelines.link.relay import Relay
from pipelines.link.session import SFTPClient, open_session
from pipelines.programme import Programme, Settings, load_programme
from pipelines.steps import (
    accounts,
    claims,
    closeout,
    forms,
    payments,
    register,
    reports,
    results,
    rosters,
    welfare,
)
from pipelines.steps.approvals import rehearse
from pipelines.steps.campaign import Campaign, open_campaign

Progress = Callable[[date, str, dict[str, Any]], None]


def campaign_days(inputs: Path) -> list[date]:
    """The business days for which anything lies in the inputs.

    Raises:
        InputMissing: there is nothing.
    """
    folders = [
        *inputs.glob("ward/*-*-*"),
        *inputs.glob("jlis/*-*-*"),
        *inputs.glob("contractor/*-*-*"),
    ]
    days = sorted({date.fromisoformat(folder.name) for folder in folders if folder.is_dir()})
    if not days:
        raise InputMissing(
            f"{inputs} に入力がありません。kyufu synth で作るか --inputs を確認してください。"
        )
    return days


@contextmanager
def rehearsal_link(settings: Settings, programme: Programme) -> Iterator[Relay]:
    """The mock link with its simulated parties, below the home; ends with this process."""
    os.umask(0o077)  # the relay and the parties inherit it: what they write is this user's alone
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    pki = settings.home / "pki"
    create_demonstration_pki(pki, tuple(party.id for party in programme.parties))
    with Relay.start(settings.home / "link", pki, settings.inputs, programme=programme.id) as relay:
        yield relay


def run_campaign(settings: Settings, progress: Progress) -> Campaign:
    """Run every step of every day; whatever was done before is found done and left alone.

    Raises:
        KyufuError: an input, a check or a party stops the campaign; everything before it is in the ledger.
    """
    programme = load_programme(settings.programme_path)
    days = campaign_days(settings.inputs)
    with rehearsal_link(settings, programme) as relay:

        def sessions(party: str) -> AbstractContextManager[SFTPClient]:
            return open_session(relay.endpoints[party])

        c = open_campaign(settings, sessions)
        for day in days:
            relay.set_business_date(day)
            run_day(c, day, progress)
    return c


def run_day(c: Campaign, day: date, progress: Progress) -> None:
    """One business day, room by room, and the steward's reports of it, whatever stops it.

    A file that is refused stops the campaign, unless its sender delivers it again on a later day: then whatever cannot
    do without the file fails by its own gate. The step that refused it has entered the refusal.
    """
    try:
        _run_rooms(c, day, progress)
    finally:
        progress(day, "reports.write", reports.write(c, day))


def _comes_again(c: Campaign, dataset: str, day: date) -> bool:
    """Whether the ward's own PC gets the dataset's files on a later day."""
    return any(
        all((c.inbox / later.isoformat() / name).is_file() for name in expected_files(c.programme, dataset, later))
        for later in campaign_days(c.settings.inputs)
        if later > day
    )  # fmt: skip


@contextmanager
def without_collector() -> Iterator[None]:
    """No search for cycles inside: a step makes millions of small objects, and it takes a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _run_rooms(c: Campaign, day: date, progress: Progress) -> None:

    def do(name: str, step: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
        with without_collector():
            result = step(c, day, *arguments)
        progress(day, name, result)
        return result

    def receive(
        name: str, dataset: str, step: Callable[..., dict[str, Any]], *arguments: Any
    ) -> None:
        try:
            do(name, step, *arguments)
        except InputRefused as error:
            if not _comes_again(c, dataset, day):
                raise
            progress(day, name, {"subject": dataset, "refused": str(error)})

    do("rosters.rehearse", rosters.rehearse)
    receive("register.receive", "register", register.receive_register)
    receive("register.changes", "register_changes", register.receive_changes)
    do("register.freeze", register.freeze_snapshot)
    do("register.apply", register.apply_changes)
    for dataset in welfare.look(c, day):
        receive(f"welfare.receive.{dataset}", dataset, welfare.receive_list, dataset)
    rehearse(c, do("welfare.link", welfare.link_people), day)
    do("welfare.apply", welfare.apply_people)
    rehearse(c, do("forms.build", forms.build), day)
    do("forms.release", forms.release)
    do("forms.confirm", forms.confirm)
    for channel, dataset in claims.CHANNELS.items():
        receive(f"claims.receive.{channel}", dataset, claims.receive, channel)
    do("claims.decide", claims.match_and_decide)
    do("accounts.check", accounts.check)
    rehearse(c, do("payments.draft", payments.draft), day)
    do("payments.build", payments.build)
    do("payments.send", payments.send)
    do("results.notices", results.send_notices)
    do("results.settle", results.settle)
    do("results.letters", results.draft_letters)
    do("closeout.lapse", closeout.lapse)
    do("closeout.parties", closeout.ask_parties)
    if (drafted := do("closeout.erasure", closeout.plan_erasure))["needed"]:
        rehearse(c, drafted, day)
    do("closeout.erase", closeout.erase)
    do("closeout.holdings", closeout.list_holdings)
    do("closeout.balance", closeout.balance)
