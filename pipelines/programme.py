"""One benefit programme and this machine's settings: the only reader of environment and configuration.

A programme file (`programmes/*.toml`) says everything about one benefit in one municipality. It is read once, checked
whole, and frozen; the rest of Kyufu receives it as a value.
"""

import os
import tomllib
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipelines.errors import KyufuError

ROOT = Path(__file__).resolve().parent.parent
WARD = "ward"  # the ward itself, where a party is named


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


class Handler(Part):
    """Somebody who may handle personal data: 取扱責任者 (responsible) or 取扱者 (handler).

    accounts: of the ward's people, the names that a session has: Airflow's, or `os:NAME` of the ward's own PC.
    """

    name: str
    duty: Literal["responsible", "handler"]
    accounts: tuple[str, ...] = ()


class HandlerRoster(Part):
    """Who handles personal data at the ward (`WARD`), at a party, or at a party's subcontractor.

    certificate: of a party, what its certificate must be: its subject (RFC 4514), or the SHA-256 of its DER bytes.
    """

    party: str
    subcontractor: str = ""
    certificate: str = ""
    people: tuple[Handler, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _somebody_is_responsible(self) -> "HandlerRoster":
        if all(person.duty != "responsible" for person in self.people):
            raise ValueError(
                f"the roster of {self.subcontractor or self.party!r} names nobody responsible"
            )
        if self.party != WARD and any(person.accounts for person in self.people):
            raise ValueError(
                f"the roster of {self.party!r} has accounts; only the ward's people have any"
            )
        if (self.party != WARD) != (bool(self.certificate) or bool(self.subcontractor)):
            raise ValueError(
                f"the roster of {self.party!r}: a party has a certificate, the ward has none"
            )
        return self


class Disclosure(Part):
    """A permission to hand data to somebody."""

    id: str
    recipient: str
    basis: str
    people: Literal["contractor", "payees", "inhouse", "facility", "nobody", "unprotected"]
    fields: tuple[str, ...]
    derived: dict[str, tuple[str, ...]] = {}
    medium: Literal["lgwan", "paper"]
    period: Period

    @model_validator(mode="after")
    def _parents_are_fields(self) -> "Disclosure":
        for column, parents in self.derived.items():
            missing = sorted(set(parents) - set(self.fields))
            if missing:
                raise ValueError(
                    f"derived field {column!r} has parents that are not fields: {missing}"
                )
        return self


class AccountCheck(Part):
    """Asking the bank about accounts before they are paid to (口座照会, 種別 98 and 99).

    columns: item -> its first column in the data record, counted from 1. answers: answer code -> `confirmed`, or the
    code of the finding that it makes.
    """

    columns: dict[str, int]
    answers: dict[str, str]


CodePoint = Annotated[str, Field(pattern=r"^U\+[0-9A-F]{4,6}$")]
OneCharacter = Annotated[str, Field(min_length=1, max_length=1)]


class Forms(Part):
    """The print contractor's profile for the forms' file.

    characters: what its fonts have. gaiji: what is printed for the ward's own characters, 〓 or themselves. shrink:
    `U+XXXX` -> the one character printed instead, before the shrink maps are asked. proof_records: on the proof sheet.
    """

    encoding: Literal["utf-8", "utf-8-sig", "cp932"] = "utf-8"
    line_end: Literal["crlf", "lf"] = "crlf"
    quoting: Literal["needed", "all"] = "needed"
    max_members: int = Field(default=12, ge=1)
    characters: Literal["jisx0208", "jisx0213", "cp932", "unicode"] = "cp932"
    gaiji: Literal["geta", "keep"] = "geta"
    proof_records: int = Field(default=50, ge=1, le=500)
    shrink: dict[CodePoint, OneCharacter] = {}


class Braille(Part):
    """What the ward's own embosser and label printer make for Braille households.

    sender, title: Braille kana. cells_in_line, lines_in_page: of the embosser. label_points: size of the large print.
    """

    sender: str = ""
    title: str = ""
    with_name: bool = True
    cells_in_line: int = Field(default=32, ge=10)
    lines_in_page: int = Field(default=22, ge=3)
    label_points: int = Field(default=22, ge=10, le=36)


class Bank(Part):
    """The paying bank's profile (指定金融機関).

    result_business_days: after so many business days from the transfer date a payment without a result is unknown.
    account_check: how the bank is asked about accounts; without it, it is not.
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
    account_check: AccountCheck | None = None


class Cash(Part):
    """Cash over the counter. collect_days: what nobody collected for so many days is taken back."""

    counter: str
    collect_days: int = Field(ge=1)


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


class Incidents(Part):
    """By when each step after an accident or a suspicion is due: days after the day on which it was entered.

    notice: 速報, the party tells the ward; report: 書面報告, in writing; instruction: 指示, of the ward to the party.
    """

    notice_days: int = Field(default=0, ge=0)
    report_days: int = Field(default=3, ge=0)
    instruction_days: int = Field(default=7, ge=0)


class Letters(Part):
    """Letters to other municipalities (外部提供).

    directory: a table of `schemas/municipalities`; checks: how many people make each check.
    """

    directory: str = Field(pattern=r"^[a-z0-9_-]+$")
    checks: int = Field(default=2, ge=2)


class Mail(Part):
    """What the ward mails itself, and what becomes of mail that comes back.

    sender: lines of the sender's block. return_to: lines of the label on return envelopes, which come back to the
    ward. departments: list -> the department that holds whereabouts that the list does not give, where it is another
    one than the list's. undelivered: code of a reason why mail came back -> (what it is called, what happens next,
    and what happens next where the addressee is protected). deficiencies: code of what a claim lacks -> what its
    applicant is asked for.
    """

    signer: str
    telephone: str
    sender: tuple[str, ...]
    return_postal_code: str = Field(pattern=r"^\d{7}$")
    return_to: tuple[str, ...]
    sheets_per_file: int = Field(gt=0)
    departments: dict[str, str] = {}
    undelivered: dict[str, "Undelivered"]
    deficiencies: dict[str, str]
    deficiency_default: str


class Undelivered(Part):
    """A reason why mail came back, and what staff do next."""

    label: str
    next: str
    next_protected: str


class Postcard(Part):
    """How the contractor lays a decision notice out on its postcard (圧着ハガキ); what does not fit the ward writes."""

    encoding: Literal["utf-8", "utf-8-sig", "cp932"]
    line_break: Literal["crlf", "lf"]
    address_lines: int = Field(ge=1, le=9)
    line_characters: int = Field(ge=8)
    name_characters: int = Field(ge=8)


_REVEALING = ("別の", "他の", "ほかの", "保護", "避難", "施設", "措置", "世帯員", "世帯主", "同じ")


class NonPayment(Part):
    """Who is told that nothing is paid, and in which words; the words reveal nothing about anybody else.

    states: of whom a notice is written. not_for: finding codes about which nobody is written to. reasons: finding code
    -> text; any other code has the text of `other`.
    """

    states: tuple[Literal["declined", "ineligible", "lapsed"], ...]
    not_for: tuple[str, ...] = ()
    reasons: dict[str, str]
    other: str

    @model_validator(mode="after")
    def _reveals_nobody(self) -> "NonPayment":
        for code, text in {**self.reasons, "other": self.other}.items():
            if told := [word for word in _REVEALING if word in text]:
                raise ValueError(f"the reason for {code!r} may tell of somebody else: {told}")
        return self


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
    rosters: tuple[HandlerRoster, ...] = Field(alias="roster", default=())
    disclosures: tuple[Disclosure, ...] = Field(alias="disclosure")
    forms: Forms = Forms()
    braille: Braille = Braille()
    bank: Bank
    cash: Cash | None = None
    findings: dict[str, Severity]
    limits: Limits
    intake: Intake = Intake()
    link: Link
    incidents: Incidents = Incidents()
    letters: Letters | None = None
    mail: Mail
    postcard: Postcard
    non_payment: NonPayment
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
        check = self.bank.account_check
        if check and (
            strange := sorted(set(check.answers.values()) - {"confirmed", *self.findings})
        ):
            raise ValueError(f"[bank.account_check] answers name unknown findings: {strange}")
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

    @model_validator(mode="after")
    def _roster_references(self) -> "Programme":
        organisations = [(WARD, "")]
        for party in self.parties:
            organisations += [(party.id, ""), *((party.id, s.name) for s in party.subcontractors)]
        named = [(roster.party, roster.subcontractor) for roster in self.rosters]
        if strange := sorted(set(named) - set(organisations)):
            raise ValueError(f"a roster of an unknown party or subcontractor: {strange}")
        accounts = [a for r in self.rosters for person in r.people for a in person.accounts]
        for what, names in (("roster", [" ".join(n) for n in named]), ("account", accounts)):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{what} named twice: {twice}")
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

    def rosters_of(self, party_id: str) -> tuple[HandlerRoster, ...]:
        """The party's roster and those of its subcontractors, itself first; empty if it named nobody."""
        own = (roster for roster in self.rosters if roster.party == party_id)
        return tuple(sorted(own, key=lambda roster: roster.subcontractor))

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
