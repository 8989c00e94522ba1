"""Starting and stopping everything: the link with its parties, and Airflow."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.campaign import rehearsal_link
from pipelines.link.relay import Relay
from pipelines.link.session import SFTPClient, open_session
from pipelines.programme import load_programme, settings_from_environment
from pipelines.rehearsal.place import Place, link_connections, take_place
from pipelines.rehearsal.processes import Airflow, free_port
from pipelines.rehearsal.screen import Screen
from pipelines.steps.campaign import Campaign, open_campaign


@dataclass(frozen=True)
class Running:
    """Everything that is up."""

    place: Place
    relay: Relay
    airflow: Airflow
    campaign: Campaign
    environment_file: Path

    def check(self) -> None:
        """Raise if one of the processes has died."""
        self.airflow.check()
        self.relay.check()


@contextmanager
def everything(airflow_home: Path, screen: Screen, *, port: int = 0) -> Iterator[Running]:
    """Start all, give it for the time of the block, stop all.

    Raises:
        KyufuError: something does not start; what was started is stopped.
    """
    settings = settings_from_environment()
    programme = load_programme(settings.programme_path)
    place = Place(settings, programme, airflow_home.absolute(), free_port(port))
    place.users()
    with ExitStack() as stack:
        lock = stack.enter_context(closing(take_place(place.airflow_home)))
        place.passwords()
        airflow = Airflow(place.logs, lock, place.environment())
        stack.callback(airflow.stop)
        screen.say(f"Airflowを準備します({place.airflow_home})")
        airflow.start("migrate", ["db", "migrate"])
        screen.say("LGWANの模擬(中継サーバーと三つの相手先)を起動します")
        relay = stack.enter_context(rehearsal_link(settings, programme))
        stack.callback(airflow.stop)  # Airflow stops before the link that its tasks use
        stack.callback(screen.say, "Airflowと模擬の相手先を止めます")
        connections = link_connections(relay.endpoints)
        file = place.write_environment({**place.environment(), **connections})
        _start(airflow, place, connections)
        screen.say(f"Airflowが起動しました: {place.url}")
        yield Running(place, relay, airflow, _campaign(place, relay), file)


def _start(airflow: Airflow, place: Place, connections: Mapping[str, str]) -> None:
    airflow.finish("migrate")
    server = ["api-server", "--port", str(place.port), "--host", "127.0.0.1"]
    airflow.start("api-server", server, place.api_server_environment())
    airflow.start("reserialize", ["dags", "reserialize"])
    airflow.start("scheduler", ["scheduler"], connections)
    airflow.finish("reserialize")
    airflow.wait_until_healthy(place.url)


def _campaign(place: Place, relay: Relay) -> Campaign:
    """The same campaign that the tasks open, for reading what they did."""

    def sessions(party: str) -> AbstractContextManager[SFTPClient]:
        return open_session(relay.endpoints[party])

    return open_campaign(place.settings, sessions)
