"""``run`` plays the campaign on Airflow and stops; ``serve`` leaves Airflow and the link up."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import FrameType

from pipelines.campaign import campaign_days
from pipelines.errors import KyufuError
from pipelines.evidence.summary import paid_people, render, summarise, write
from pipelines.programme import ROOT, ProgrammeError
from pipelines.rehearsal.api import Api
from pipelines.rehearsal.approving import Approvers
from pipelines.rehearsal.days import DAGS, Days
from pipelines.rehearsal.screen import Screen
from pipelines.rehearsal.start import Running, everything
from pipelines.steps import rosters

SERVE_PORT = 8080


def run(airflow_home: Path, then: Callable[[Running, Api], None] = lambda *_: None) -> int:
    """Play every day of the inputs; 0 if every run succeeded and everybody is accounted for.

    then: what the operator does after the days, while everything is still up.
    """
    with Screen() as screen:
        with everything(airflow_home, screen) as running:
            before = paid_people(running.campaign)
            _play(running, screen, then)
            paid = paid_people(running.campaign) - before
            summary = summarise(running.campaign, screen.seconds)
            write(running.campaign, summary)
        screen.show(render(summary))
        nobody = "" if paid else "(支払済みの人に再び支払うことはありません)"
        screen.show(f"今回の新規支払: {paid:,}人{nobody}")
        return 0 if summary["balanced"] else 1


def serve(airflow_home: Path) -> int:
    """Start everything, print the address and the logins, and wait to be stopped."""
    with Screen() as screen, everything(airflow_home, screen, port=SERVE_PORT) as running:
        place = running.place
        logins = [f"  {user:<10} {password}" for user, password in place.passwords().items()]
        screen.show(
            "\n".join(
                [
                    f"Airflow: {place.url}",
                    "利用者と合言葉:",
                    *logins,
                    f"airflowコマンド: set -a; . {running.environment_file}; set +a",
                    "止めるには Ctrl-C を押してください。",
                ]
            )
        )
        while True:
            running.check()
            time.sleep(1)


def _play(running: Running, screen: Screen, then: Callable[[Running, Api], None]) -> None:
    days = campaign_days(running.place.settings.inputs)
    screen.expect(len(days) * len(DAGS))
    screen.say(_register_handlers(running, days[0]))
    with staffed(running, screen) as (operator, player):
        attempt = player.prepare(days)
        for day in days:
            running.relay.set_business_date(day)
            player.play(day, attempt)
        then(running, operator)


@contextmanager
def staffed(running: Running, screen: Screen) -> Iterator[tuple[Api, Days]]:
    """The demonstration's people at work: the operator, who plays days, while the others approve by themselves."""
    place = running.place
    people = place.programme.demonstration
    assert people is not None  # noqa: S101 - Place.users has checked it
    passwords = place.passwords()
    staff = [Api(place.url, name, passwords[name]) for name in people.approvers]
    operator = Api(place.url, people.drafter, passwords[people.drafter])
    screen.say(f"実演です。承認は {', '.join(people.approvers)} がAirflowのAPIで自動的に行います。")
    approvers = Approvers(staff, screen.say)

    def check() -> None:
        running.check()
        approvers.check()

    approvers.start()
    try:
        yield operator, Days(operator, screen, check)
    finally:
        approvers.stop()


def _register_handlers(running: Running, day: date) -> str:
    """Register the rosters of who handles personal data, as people do it with `kyufu roster`; what to say of it."""
    done = rosters.rehearse(running.campaign, day)
    if not any(done.values()):
        return "取扱者の名簿は登録済みです(kyufu roster list)。"
    return (
        f"取扱者の名簿{done['registered']}件を登録し、研修と再委託の承諾{done['confirmed']}件を確認済みとしました"
        "(実演。本番では職員が kyufu roster で登録します)。"
    )


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run the command line.

    Returns:
        0 when all is well, 1 when something failed, 130 when interrupted.
    """
    parser = argparse.ArgumentParser(prog="python -m pipelines.rehearsal", description=__doc__)
    parser.add_argument("command", choices=["run", "serve"])
    parser.add_argument("--airflow-home", type=Path, default=ROOT / "var" / "airflow")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return {"run": run, "serve": serve}[arguments.command](arguments.airflow_home)
    except (KyufuError, ProgrammeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("止めました。もう一度実行すると続きから行います。\n")
        return 0 if arguments.command == "serve" else 130


if __name__ == "__main__":
    sys.exit(main())
