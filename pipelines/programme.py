"""One benefit programme and this machine's settings: the only reader of environment and configuration.

A programme file (`programmes/*.toml`) says everything about one benefit in one municipality. It is read once, checked
whole, and frozen; the rest of Kyufu receives it as a value.
"""

import os
import tomllib
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipelines.errors import KyufuError

ROOT = Path(__file__).resolve().parent.parent


class ProgrammeError(KyufuError):
    """The programme file or a setting is missing or wrong; the message names the key and what to do."""


class Part(BaseModel):
    """A frozen section of the programme file; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Period(Part):
    """First and last day, both included."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> "Period":
        if self.last < self.first:
            raise ValueError(f"'to' ({self.last}) lies before 'from' ({self.first})")
        return self

    def holds(self, day: date) -> bool:
        """Whether `day` lies in the period."""
        return self.first <= day <= self.last

    def __str__(self) -> str:
        """As messages show it."""
        return f"{self.first} .. {self.last}"


class Benefit(Part):
    """Who pays what to whom, as of when."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    name: str
    municipality: str
    municipality_code: str = Field(pattern=r"^\d{5}$")
    address_prefix: str
    office: str
    base_date: date
    amount_yen: int = Field(gt=0)
    mode: Literal["demonstration", "production"]


class ClaimPeriod(Part):
    """When claims are taken."""

    online_from: date
    deadline: date
    lapse_on: date


class People(Part):
    """How many people must agree."""

    protection_approvals: int = Field(ge=2)
    forms_approvals: int = Field(ge=1)
    money_approvals: int = Field(ge=2)
    erasure_approvals: int = Field(default=2, ge=2)


class ListLimits(Part):
    """How old a protection list may be."""

    max_age_days: int = Field(gt=0)


ListKind = Literal[
    "facility", "placement", "braille", "evacuation", "facility_outside", "facility_inside"
]


class Source(Part):
    """A permission to take data in: what, from whom, by what medium, when, and on what basis."""

    dataset: str
    layout: str
    party: str
    medium: str
    basis: str
    columns: tuple[str, ...]
    member_columns: tuple[str, ...] = ()
    period: Period


class ListSource(Part):
    """A permission to take a department's or another municipality's list of people in."""

    dataset: str
    layout: str
    department: str
    kind: ListKind
    basis: str
    columns: tuple[str, ...]
    medium: str
    period: Period

    @property
    def party(self) -> str:
        """Lists reach General Affairs' own PC."""
        return "ward"

    @property
    def member_columns(self) -> tuple[str, ...]:
        """A list has one table."""
        return ()


class Subcontractor(Part):
    """Somebody the party passes its items on to; it has no connection of its own."""

    name: str
    contract: Period
    items: str


class PartyErasure(Part):
    """When a party is asked to return and to erase what it holds; its certificate is due certificate_days later."""

    ask_on: date
    certificate_days: int = Field(ge=1)


class Party(Part):
    """A receiver or sender on the link.

    acknowledge_days: so many days after a delivery was sent, one without an acknowledgement is late.
    """

    id: str
    name: str
    role: Literal["print_contractor", "mynaportal", "bank"]
    connection: Period
    contract: Period
    subcontractors: tuple[Subcontractor, ...] = ()
    acknowledge_days: int = Field(default=1, ge=1)
    erasure: PartyErasure | None = None


class Disclosure(Part):
    """A permission to hand data to somebody."""

    id: str
    recipient: str
    basis: str
    people: Literal["contractor", "payees", "inhouse", "nobody"]
    fields: tuple[str, ...]
    derived: dict[str, tuple[str, ...]] = {}
    medium: Literal["lgwan", "paper"]
    period: Period

    @model_validator(mode="after")
    def _parents_are_fields(self) -> "Disclosure":
        if self.people == "nobody" and (self.fields or self.derived):
            raise ValueError("a disclosure about nobody has no fields")
        for column, parents in self.derived.items():
            missing = sorted(set(parents) - set(self.fields))
            if missing:
                raise ValueError(
                    f"derived field {column!r} has parents that are not fields: {missing}"
                )
        return self


class Bank(Part):
    """The paying bank's profile (指定金融機関).

    result_business_days: after so many business days from the transfer date a payment without a result is unknown.
    """

    profile: Literal["zengin"]
    client_code: str = Field(pattern=r"^\d{10}$")
    client_name_kana: str
    bank_code: str = Field(pattern=r"^\d{4}$")
    bank_name_kana: str
    branch_code: str = Field(pattern=r"^\d{3}$")
    branch_name_kana: str
    account_type: str
    account_number: str = Field(pattern=r"^\d{7}$")
    line_break: Literal["crlf", "none"]
    max_records: int = Field(gt=0, le=999_999)
    lead_business_days: int = Field(ge=1)
    result_code_column: int = Field(ge=1, le=120)
    result_codes: dict[str, str]
    result_business_days: int = Field(default=3, ge=1)


class Limits(Part):
    """Circuit breakers: implausible shares stop a day for a person."""

    held_share: float = Field(gt=0, le=1)
    unresolved_share: float = Field(gt=0, le=1)
    min_claims: int = Field(ge=1)


class SizeBand(Part):
    """How many rows a delivery may have, as shares of the median of the last ones."""

    at_least: float = Field(ge=0, lt=1)
    at_most: float = Field(gt=1)


class DateInside(Part):
    """Which of our columns dates a delivery from inside; max_age_days: how old its newest date may be."""

    column: str
    max_age_days: int | None = Field(default=None, gt=0)


class Intake(Part):
    """What makes a delivery doubtful, and who looks at attachments before a person does.

    may_repeat: datasets delivered whole, which may be the same as their last delivery. last_deliveries: of how many
    the median is taken; min_deliveries: how many must have come before the band holds; min_rows: below it, it does not.
    attachment_scanner: command that is given a file's path and ends with 0 if the file may be opened.
    busy_wait_seconds: how long a process waits for another one that works on the same dataset, whatever its day.
    """

    may_repeat: tuple[str, ...] = ()
    last_deliveries: int = Field(default=3, ge=1)
    min_deliveries: int = Field(default=1, ge=1)
    min_rows: int = Field(default=20, ge=0)
    size_band: dict[str, SizeBand] = {}
    date_inside: dict[str, DateInside] = {}
    attachment_scanner: tuple[str, ...] = ()
    attachment_scanner_seconds: float = Field(default=60, gt=0)
    busy_wait_seconds: float = Field(default=600, ge=0)


class Link(Part):
    """How the link behaves."""

    wait_seconds: float = Field(ge=0)


class Demonstration(Part):
    """People who act in a rehearsal."""

    drafter: str
    approvers: tuple[str, ...]
    steward: str


Severity = Literal["block", "review", "note"]

RetentionClass = Literal[
    "attachments", "raw_inputs", "quarantine", "staging", "outgoing_copies", "protections", "claim_details",
    "payment_records", "backups",
]  # fmt: skip


class Programme(Part):
    """The whole programme file."""

    benefit: Benefit = Field(alias="programme")
    claims: ClaimPeriod
    people: People
    lists: ListLimits
    list_sources: tuple[ListSource, ...] = Field(alias="list")
    sources: tuple[Source, ...] = Field(alias="source")
    parties: tuple[Party, ...] = Field(alias="party")
    disclosures: tuple[Disclosure, ...] = Field(alias="disclosure")
    bank: Bank
    findings: dict[str, Severity]
    limits: Limits
    intake: Intake = Intake()
    link: Link
    retention: dict[RetentionClass, date]
    demonstration: Demonstration | None = None

    @model_validator(mode="after")
    def _references(self) -> "Programme":
        datasets = [source.dataset for source in self.sources]
        datasets += [source.dataset for source in self.list_sources]
        for what, names in (
            ("dataset", datasets),
            ("party", [party.id for party in self.parties]),
            ("disclosure", [disclosure.id for disclosure in self.disclosures]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{what} named twice: {twice}")
        gated = {*self.intake.may_repeat, *self.intake.size_band, *self.intake.date_inside}
        if strange := sorted(gated - set(datasets)):
            raise ValueError(f"[intake] names unknown datasets: {strange}")
        known = {party.id for party in self.parties}
        for disclosure in self.disclosures:
            if disclosure.medium == "lgwan" and disclosure.recipient not in known:
                raise ValueError(
                    f"disclosure {disclosure.id!r} names the unknown party {disclosure.recipient!r}"
                )
        for source in self.sources:
            if source.medium == "lgwan" and source.party not in known:
                raise ValueError(
                    f"source {source.dataset!r} names the unknown party {source.party!r}"
                )
        if self.benefit.mode == "production" and self.demonstration is not None:
            raise ValueError("a production programme has no [demonstration] section")
        return self

    @model_validator(mode="after")
    def _erasures(self) -> "Programme":
        """Whoever is asked to erase can be asked: over its connection, by a disclosure about nobody."""
        asking = {d.id for d in self.disclosures if d.people == "nobody"}
        for party in self.parties:
            if party.erasure and not party.connection.holds(party.erasure.ask_on):
                raise ValueError(
                    f"party {party.id!r} is asked to erase outside its connection {party.connection}"
                )
            if party.erasure and f"erasure_{party.id}" not in asking:
                raise ValueError(
                    f"party {party.id!r} is asked to erase without a disclosure 'erasure_{party.id}'"
                )
        return self

    @property
    def id(self) -> str:
        """The programme's id, part of every key."""
        return self.benefit.id

    @property
    def is_demonstration(self) -> bool:
        """Whether the business clock may be set and approvals rehearsed."""
        return self.benefit.mode == "demonstration"

    def source(self, dataset: str) -> "Source | ListSource":
        """The permission to take `dataset` in; an unknown dataset is an error."""
        known: dict[str, Source | ListSource] = {s.dataset: s for s in self.sources}
        known.update({s.dataset: s for s in self.list_sources})
        if dataset in known:
            return known[dataset]
        raise ProgrammeError(
            f"programme {self.id}: no [[source]] or [[list]] for dataset {dataset!r}"
        )

    def party(self, party_id: str) -> Party:
        """The party of that id; an unknown one is an error."""
        for party in self.parties:
            if party.id == party_id:
                return party
        raise ProgrammeError(f"programme {self.id}: no [[party]] {party_id!r}")

    def disclosure(self, disclosure_id: str) -> Disclosure:
        """The disclosure of that id; denied by default, so an unknown one is an error."""
        for item in self.disclosures:
            if item.id == disclosure_id:
                return item
        raise ProgrammeError(
            f"programme {self.id}: no [[disclosure]] {disclosure_id!r}; nothing may leave without one"
        )


class Settings(Part):
    """Where this installation reads and writes.

    keys: the keys of stored bytes, outside the home; beside it unless told. backups: the folder into which the ward
    puts its copies of the home and the ledger. airflow: the folder of Airflow's own database and logs. search: further
    folders that are looked through before an erasure is certified.
    """

    programme_path: Path
    home: Path
    inputs: Path
    ledger_url: str
    keys: Path | None = None
    backups: Path | None = None
    airflow: Path | None = None
    search: tuple[Path, ...] = ()


def settings_from_environment() -> Settings:
    """The settings of this process.

    KYUFU_PROGRAMME, KYUFU_HOME, KYUFU_INPUTS, KYUFU_LEDGER_URL, KYUFU_KEYS, KYUFU_BACKUPS, KYUFU_SEARCH (folders,
    joined by a colon), and Airflow's AIRFLOW_HOME.
    Defaults are the embedded ones: the Shinjuku programme, `var/run`, the committed samples, SQLite in the home, keys
    beside the home.
    """
    home = Path(os.environ.get("KYUFU_HOME", ROOT / "var" / "run")).absolute()
    programme = os.environ.get("KYUFU_PROGRAMME", ROOT / "programmes" / "shinjuku-2020.toml")
    return Settings(
        programme_path=Path(programme).absolute(),
        home=home,
        inputs=Path(os.environ.get("KYUFU_INPUTS", ROOT / "data" / "samples" / "ward")).absolute(),
        ledger_url=os.environ.get("KYUFU_LEDGER_URL", f"sqlite:///{home / 'ledger.sqlite'}"),
        keys=_folder("KYUFU_KEYS"),
        backups=_folder("KYUFU_BACKUPS"),
        airflow=_folder("AIRFLOW_HOME"),
        search=tuple(
            Path(name).absolute() for name in os.environ.get("KYUFU_SEARCH", "").split(":") if name
        ),
    )


def _folder(variable: str) -> Path | None:
    return Path(os.environ[variable]).absolute() if os.environ.get(variable) else None


def airflow_url_from_environment() -> str:
    """Where this installation's Airflow answers: KYUFU_AIRFLOW_URL, or where `make serve` serves."""
    return os.environ.get("KYUFU_AIRFLOW_URL", "http://127.0.0.1:8080")


def quarantine_password_from_environment() -> str | None:
    """What protects the workbooks of quarantined rows, if this process is told: KYUFU_QUARANTINE_PASSWORD."""
    return os.environ.get("KYUFU_QUARANTINE_PASSWORD")


@lru_cache(maxsize=8)
def load_programme(path: Path) -> Programme:
    """Read and check a programme file.

    Raises:
        ProgrammeError: the file is missing, is no TOML, or has a key that is unknown, missing or wrong.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProgrammeError(
            f"programme file not found: {path}. Set KYUFU_PROGRAMME or --programme."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProgrammeError(f"{path}: not a TOML file in UTF-8: {error}") from error
    try:
        return Programme.model_validate(raw)
    except ValidationError as error:
        raise ProgrammeError(f"{path}:\n{_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    """One line a fault: the key's path, what is wrong."""
    lines = []
    for fault in error.errors(include_url=False, include_context=False):
        key = ".".join(str(step) for step in fault["loc"]) or "(file)"
        what = "unknown key: remove it or correct its spelling"
        lines.append(f"  {key}: {what if fault['type'] == 'extra_forbidden' else fault['msg']}")
    return "\n".join(lines)
