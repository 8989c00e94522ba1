"""Time and peak memory of a peak day of claims: the bare floor, the same rules in pandas, and ours, side by side.

A synthetic ward of 350,000: 60,000 of its claims arrive on one day, 200,000 people of other households are paid on
claims that came before. Each run is a process of its own, from the relations in Parquet to decisions, reasons, findings
and outcomes; the middle of three runs is shown. Imports are not counted. Ours includes what it does each time besides:
bringing in who is within reach, the checks of its inputs and the self-test over planted claims. pandas must give the
same answers, or the bench fails.

| name | does |
| --- | --- |
| floor | reads the relations and joins the lines with the people by name and birth date, in the engine |
| pandas | `tests.bench.claims_pandas` |
| ours | `pipelines.matching.claims.match_claims` over `pipelines.matching.reach` |
"""

import argparse
import hashlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.bench.wards import make_ward

REGISTERED, DAY = date(2020, 5, 18), date(2020, 6, 3)
CLAIMS, PAID, PEOPLE = 60_000, 200_000, 350_000
RUNS = 3
LIMITS = {"seconds": 5.0, "megabytes": 1000, "times_pandas": 4.0, "growth": 11.0}
NAMES = ("claim", "member", "person", "newcomer", "earlier_claim")
Answers = dict[str, set[tuple[Any, ...]]]
# text columns whose values are not somebody's or something's own; the others differ from copy to copy
_SHARED = {
    "channel", "arrival", "effective_on", "claim_kind", "proxy_kind", "state", "outcome", "date_key", "line",
    "given_key",
}  # fmt: skip


def floor(relations: dict[str, pa.Table]) -> Callable[[], Answers]:
    """One join."""
    from pipelines.matching.engine import connect

    def run() -> Answers:
        connection = connect()
        for name in ("member", "person"):
            connection.register(name, relations[name])
        query = "select count(*) from member inner join person using (name_key, date_key)"
        return {"decision": {connection.execute(query).fetchone()}}

    return run


def pandas(relations: dict[str, pa.Table]) -> Callable[[], Answers]:
    """The same rules without an engine."""
    from pipelines.matching.findings import rules
    from tests.bench import claims_pandas

    programme = _programme()

    def run() -> Answers:
        deadline = f"{programme.claims.deadline:%Y%m%d}"
        return dict(claims_pandas.match(relations, rules(programme), deadline))

    return run


def ours(relations: dict[str, pa.Table]) -> Callable[[], Answers]:
    """The production path from people and ledger rows on."""
    from pipelines.matching import claims, reach
    from pipelines.matching.relations import tuples

    programme = _programme()

    def run() -> Answers:
        claim, member, person, _, earlier = (relations[name] for name in NAMES)
        named = reach.named_by(claim, earlier)
        on_them = pc.is_in(person["claim_id"], value_set=named["claim_id"].combine_chunks())
        known = {*named["applicant_id"].to_pylist(), *person.filter(on_them)["person_id"].to_pylist()}  # fmt: skip
        reached = reach.people_within_reach(person, claim, member, known - {None})
        with tempfile.TemporaryDirectory() as spill:
            matched = claims.match_claims(
                programme, {**relations, "person": reached}, Path(spill), never_empty={"earlier_claim"}
            )  # fmt: skip
        found = matched.relations
        return {
            "decision": set(tuples(found["decision"], "person_id", "claim_id", "state")),
            "reason": set(tuples(found["reason"], "person_id", "code")),
            "finding": {(row["claim_id"], row["line"], row["code"]) for row in matched.findings()},
            "outcome": set(tuples(found["outcome"], "claim_id", "outcome")),
        }

    return run


CONTESTANTS = {"floor": floor, "pandas": pandas, "ours": ours}


def _programme() -> Any:
    from pipelines.programme import ROOT, load_programme

    return load_programme(ROOT / "programmes" / "shinjuku-2020.toml")


def run_one(name: str, folder: Path) -> None:
    """Run one contestant in this process; print what it took, and a digest of its answers, as JSON."""
    relations = {n: pq.read_table(folder / f"{n}.parquet") for n in NAMES}
    run = CONTESTANTS[name](relations)
    started, cpu = time.monotonic(), time.process_time()
    answers = run()
    took = {"seconds": time.monotonic() - started, "cpu": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    digest = hashlib.sha256(repr({k: sorted(v, key=repr) for k, v in answers.items()}).encode())
    print(json.dumps({**took, "megabytes": peak, "digest": digest.hexdigest()}))  # noqa: T201


def measure(names: Iterable[str], folder: Path, runs: int) -> dict[str, dict[str, Any]]:
    """The middle of some runs, each a process of its own, the contestants in turn; the peak is the highest.

    Raises:
        SystemExit: pandas and ours do not give the same answers.
    """
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(runs):
        for name, took in found.items():
            command = [sys.executable, "-m", "tests.bench.claims", "--only", name, "--folder", str(folder)]  # fmt: skip
            done = subprocess.run(command, check=True, capture_output=True, env=os.environ)
            took.append(json.loads(done.stdout))
    if len({run["digest"] for name in found if name != "floor" for run in found[name]}) > 1:
        sys.exit("pandas and ours do not give the same answers, or not each time the same")
    return {
        name: {
            "seconds": statistics.median(run["seconds"] for run in took),
            "cpu": statistics.median(run["cpu"] for run in took),
            "megabytes": max(run["megabytes"] for run in took),
        }
        for name, took in found.items()
    }


def make_day(ward: Path, seed: int, out: Path) -> None:
    """Write the relations of a peak day of a synthetic ward."""
    from pipelines.intake import keys, receive
    from pipelines.intake.staging import Staging
    from pipelines.matching import claims
    from pipelines.matching.relations import NEWCOMER

    programme, draw = _programme(), random.Random(seed)
    with tempfile.TemporaryDirectory() as home:
        staging = Staging(Path(home))

        def staged(party: str, dataset: str, day: date, *tables: str) -> list[pa.Table]:
            names = receive.expected_files(programme, dataset, day)
            files = {n: (ward / party / day.isoformat() / n).read_bytes() for n in names}
            receive.stage(programme, staging, dataset, day, files)
            return [staging.read(dataset, day, table) for table in tables]

        (people,) = staged("ward", "register", REGISTERED, "rows")
        channels = {
            "online": staged("jlis", "online_claims", DAY, "claims", "members"),
            "postal": staged("contractor", "postal_claims", DAY, "claims", "members"),
        }
    claim = pa.concat_tables([claims.claim_relation(c, t) for c, (t, _) in channels.items()])
    member = pa.concat_tables([claims.member_relation(t) for _, t in channels.values()])
    claim = claim.slice(0, CLAIMS * people.num_rows // PEOPLE)
    member = member.filter(_among(member["claim_id"], claim["claim_id"]))
    state, by, earlier = _paid(people, claim, draw)
    ids = pc.binary_join_element_wise("R", people["resident_id"], "").to_pylist()
    for name, column in (("person_id", ids), ("state", state), ("claim_id", by)):
        people = people.append_column(name, pa.array(column, pa.string()))
    people = people.append_column("alias_key", keys.alias_key(people["name_kanji"]))
    protected, died = set(draw.sample(ids, len(ids) // 400)), set(draw.sample(ids, len(ids) // 2000))  # fmt: skip
    found = {
        "claim": claim, "member": member, "person": claims.person_relation(people, protected, died),
        "newcomer": NEWCOMER.empty_table(), "earlier_claim": earlier,
    }  # fmt: skip
    for name, table in found.items():
        pq.write_table(table, out / f"{name}.parquet")


def _paid(
    people: pa.Table, claim: pa.Table, draw: random.Random
) -> tuple[list[str], list[str | None], pa.Table]:
    """Each person's state and claim, and the claims of those who are paid: households none of which claims today."""
    from pipelines.matching.relations import EARLIER

    residents, households = (people[n].to_pylist() for n in ("resident_id", "household_id"))
    claiming = set(claim["household_id"].drop_null().to_pylist())
    others = sorted(set(households) - claiming)
    draw.shuffle(others)
    left, paid, members = PAID * len(residents) // PEOPLE, set(), {}
    for resident, household in zip(residents, households, strict=True):
        members.setdefault(household, []).append(resident)
    for household in others:
        if left <= 0:
            break
        paid.add(household)
        left -= len(members[household])
    state = ["paid" if h in paid else "unclaimed" for h in households]
    by = [f"Z{h}" if h in paid else None for h in households]
    rows = [
        {
            "claim_id": f"Z{h}", "household_id": h, "applicant_id": f"R{members[h][0]}",
            "account_key": f"0009|001|1|{number:07d}", "certificate_serial": None, "proxy_kind": "",
            "outcome": "paid", "supplements_id": None,
        }
        for number, h in enumerate(sorted(paid))
    ]  # fmt: skip
    return state, by, pa.Table.from_pylist(rows, EARLIER)


def _among(column: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=values.combine_chunks())


def multiply(folder: Path, copies: int, out: Path) -> None:
    """Write a day of some copies of another, whose people, households, claims and accounts are each copy's own."""
    for name in NAMES:
        table = pq.read_table(folder / f"{name}.parquet")
        with pq.ParquetWriter(out / f"{name}.parquet", table.schema) as writer:
            for copy in range(copies):
                writer.write_table(_renamed(table, chr(ord("a") + copy)))


def _renamed(table: pa.Table, mark: str) -> pa.Table:
    for index, field in enumerate(table.schema):
        if field.type == pa.string() and field.name not in _SHARED:
            own = pc.binary_join_element_wise(mark, table.column(index), "")
            table = table.set_column(index, field, own)
    return table


def _show(title: str, found: dict[str, dict[str, Any]]) -> None:
    print(f"\n{title}")  # noqa: T201
    for name, took in found.items():
        print(  # noqa: T201
            f"{name:<10} {took['seconds']:8.2f} s   cpu {took['cpu']:8.2f} s   peak {took['megabytes']:6.0f} MB"
        )


def _verdict(what: str, value: float, limit: float, at_least: bool = False) -> None:
    met = value >= limit if at_least else value <= limit
    print(f"{what:<34} {value:8.1f}   aim {limit:6.1f}   {'met' if met else 'NOT MET'}")  # noqa: T201


def compare(folder: Path, runs: int, tenfold: bool) -> None:
    """Run all contestants over a day, and over ten of it; print times, memory and the aims."""
    once = measure(CONTESTANTS, folder, runs)
    sizes = {name: pq.read_metadata(folder / f"{name}.parquet").num_rows for name in NAMES}
    _show(", ".join(f"{rows:,} {name}" for name, rows in sizes.items()), once)
    _verdict("seconds", once["ours"]["seconds"], LIMITS["seconds"])
    _verdict("peak MB", once["ours"]["megabytes"], LIMITS["megabytes"])
    faster = once["pandas"]["seconds"] / once["ours"]["seconds"]
    _verdict("times faster than pandas", faster, LIMITS["times_pandas"], at_least=True)
    if not tenfold:
        return
    with tempfile.TemporaryDirectory() as large:
        multiply(folder, 10, Path(large))
        ten = measure(["floor", "ours"], Path(large), runs)
    _show("ten times that", ten)
    growth = ten["ours"]["seconds"] / once["ours"]["seconds"]
    _verdict("times the small one", growth, LIMITS["growth"])


def main() -> None:
    """Compare over a peak day of a given synthetic ward, or of a new one."""
    parser = argparse.ArgumentParser(description="Time and peak memory of matching a day's claims.")
    parser.add_argument("--ward", type=Path, help="a ready synthetic ward (else one is made)")
    parser.add_argument("--residents", type=int, default=PEOPLE)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--no-tenfold", dest="tenfold", action="store_false")
    parser.add_argument("--only", choices=[*CONTESTANTS, "make"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only == "make":
        make_day(options.ward, options.seed, options.folder)
        return
    if options.only:
        run_one(options.only, options.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        ward = options.ward or make_ward(options.residents, options.seed, Path(folder) / "ward")
        day = Path(folder) / "day"
        day.mkdir()
        # in a process of its own: a process begins with the peak memory of the one that started it
        command = [sys.executable, "-m", "tests.bench.claims", "--only", "make"]
        command += ["--ward", str(ward), "--folder", str(day), "--seed", str(options.seed)]
        subprocess.run(command, check=True)
        compare(day, options.runs, options.tenfold)


if __name__ == "__main__":
    main()
