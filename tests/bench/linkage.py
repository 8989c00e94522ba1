"""Precision, recall, time and memory of linkage: normalised exact keys, Splink out of the box, and ours.

A register without sex, and 3,200 rows of lists of four kinds, a fifth of them about strangers, written badly by
`tests.bench.linkage_world`. Each contestant runs in a process of its own for each seed, from text columns in memory
to outcomes.

| kind | has |
| --- | --- |
| facility | name, birth date, registered address |
| evacuation | name, reading, birth date, address |
| outside | name, reading, birth date |
| placement | name, birth date |
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.linkage_world import KINDS, World

MUNICIPALITY = "13104"
AIMS = {"facility": 0.98, "evacuation": 0.98, "outside": 0.95, "placement": 0.90}
Found = list[
    tuple[str, str | None, list[str]]
]  # outcome, linked resident, residents who may be meant


def ours(register: pa.Table, lists: dict[str, pa.Table]) -> dict[str, Found]:
    """The whole of linkage, from text."""
    from pipelines.matching.linkage import link, prepare
    from pipelines.matching.linkage_tool import keyed

    prepared = prepare(keyed(register, "resident_id", "person_id", MUNICIPALITY))
    found = {}
    for kind, rows in lists.items():
        outcomes = link(keyed(rows, "row_id", "row_id", MUNICIPALITY), prepared)
        names = ("outcome", "person_id", "candidates")
        found[kind] = list(zip(*(outcomes[name].to_pylist() for name in names), strict=True))
    return found


def exact(register: pa.Table, lists: dict[str, pa.Table]) -> dict[str, Found]:
    """Normalised name or reading, with the birth date: linked where exactly one resident has them."""
    from pipelines.matching.linkage_tool import keyed

    people = keyed(register, "resident_id", "person_id", MUNICIPALITY)
    known: dict[tuple[str, str, str], set[str]] = {}
    for name in ("name_key", "kana_key"):
        for person, key, birth in zip(
            *(people[c].to_pylist() for c in ("person_id", name, "date_key")), strict=True
        ):
            if key and birth:
                known.setdefault((name, key, birth), set()).add(person)
    found = {}
    for kind, rows in lists.items():
        table = keyed(rows, "row_id", "row_id", MUNICIPALITY)
        found[kind] = []
        for row in table.to_pylist():
            hits = [
                known.get((name, row[name] or "", row["date_key"] or ""), set())
                for name in ("name_key", "kana_key")
            ]
            one = next((next(iter(hit)) for hit in hits if len(hit) == 1), None)
            found[kind].append(("linked" if one else "absent", one, [one] if one else []))
    return found


def plain(register: pa.Table, lists: dict[str, pa.Table]) -> dict[str, Found]:
    """Splink with its library's comparisons, u by random sampling, m by EM; p >= 0.999 links."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    from pipelines.matching.linkage_tool import keyed

    people = keyed(register, "resident_id", "person_id", MUNICIPALITY)
    people = people.rename_columns(["unique_id", *people.column_names[1:]])
    found = {}
    for kind, rows in lists.items():
        table = keyed(rows, "row_id", "row_id", MUNICIPALITY)
        table = table.rename_columns(["unique_id", *table.column_names[1:]])
        columns = ["name_key", "kana_key", "date_key", "address_key"]
        columns = [c for c in columns if table[c].null_count < table.num_rows]
        comparisons = [
            cl.ExactMatch("address_key").configure(term_frequency_adjustments=True) if column == "address_key"
            else cl.DamerauLevenshteinAtThresholds(column, [1]) if column == "date_key"
            else cl.JaroWinklerAtThresholds(column, [0.9]).configure(term_frequency_adjustments=True)
            for column in columns
        ]  # fmt: skip
        blocks = [block_on("date_key"), block_on("name_key")]
        api = DuckDBAPI()
        wanted = ["unique_id", *columns]
        inputs = [
            api.register(t.select(wanted), dataset_display_name=name)
            for name, t in (("a_list", table), ("b_people", people))
        ]
        linker = Linker(
            inputs,
            SettingsCreator(
                link_type="link_only",
                comparisons=comparisons,
                blocking_rules_to_generate_predictions=blocks,
            ),
            log_level=None,
        )
        linker.training.estimate_probability_two_random_records_match(
            [block_on("name_key", "date_key")], recall=0.8
        )
        linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
        for block in blocks:
            linker.training.estimate_parameters_using_expectation_maximisation(block)
        pairs = (
            linker.inference.predict(threshold_match_probability=0.5).as_pyarrow_table().to_pylist()
        )
        best: dict[str, dict[str, Any]] = {}
        for pair in sorted(pairs, key=lambda p: p["match_probability"]):
            best[pair["unique_id_l"]] = pair
        found[kind] = []
        for row_id in table["unique_id"].to_pylist():
            pair = best.get(row_id)
            links = pair is not None and pair["match_probability"] >= 0.999
            person = pair["unique_id_r"] if pair else None
            outcome = "linked" if links else "review" if pair else "absent"
            found[kind].append((outcome, person if links else None, [person] if person else []))
    return found


CONTESTANTS: dict[str, Callable[[pa.Table, dict[str, pa.Table]], dict[str, Found]]] = {
    "exact": exact,
    "plain": plain,
    "ours": ours,
}


def write_world(residents: int, rows: int, seed: int, folder: Path) -> None:
    """Make a register and its lists, and put them as Parquet into a folder."""
    world = World(residents, seed)
    pq.write_table(world.register(), folder / "register.parquet")
    for kind in KINDS:
        table, truth = world.make_list(kind, rows // len(KINDS))
        pq.write_table(
            table.append_column("truth", pa.array(truth, pa.string())), folder / f"{kind}.parquet"
        )


def run_one(name: str, folder: Path, misses: int) -> None:
    """Run one contestant on one world; print counts by kind, seconds and peak memory as JSON."""
    register = pq.read_table(folder / "register.parquet")
    made = {kind: pq.read_table(folder / f"{kind}.parquet") for kind in KINDS}
    truth = {kind: table["truth"].to_pylist() for kind, table in made.items()}
    lists = {kind: table.drop_columns(["truth"]) for kind, table in made.items()}
    started = time.monotonic()
    found = CONTESTANTS[name](register, lists)
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    kinds = {kind: _count(found[kind], truth[kind]) for kind in KINDS}
    print(json.dumps({"seconds": seconds, "megabytes": peak, "kinds": kinds}))  # noqa: T201
    if misses:
        _show_misses(register, lists, truth, found, misses)


def _show_misses(
    register: pa.Table,
    lists: dict[str, pa.Table],
    truth: dict[str, list[str | None]],
    found: dict[str, Found],
    misses: int,
) -> None:
    """Print synthetic rows that came out wrong, for whoever works on the rules."""
    people = {row["resident_id"]: row for row in register.to_pylist()}
    for kind, table in lists.items():
        shown = 0
        for row, true, (outcome, person, candidates) in zip(
            table.to_pylist(), truth[kind], found[kind], strict=True
        ):
            wrong = (outcome == "linked" and person != true) or (outcome != "linked" and true)
            if wrong and (shown := shown + 1) <= misses:
                shown_people = people.get(true or ""), people.get(person or "")
                print(kind, outcome, row, *shown_people, true in candidates)  # noqa: T201


def _count(found: Found, truth: list[str | None]) -> dict[str, int]:
    counts = dict.fromkeys(("rows", "present", "linked", "right", "within", "review"), 0)
    for (outcome, person, candidates), true in zip(found, truth, strict=True):
        counts["rows"] += 1
        counts["present"] += true is not None
        counts["linked"] += outcome == "linked"
        counts["right"] += outcome == "linked" and person == true
        counts["within"] += true is not None and (person == true or true in candidates)
        counts["review"] += outcome == "review"
    return counts


def show(name: str, runs: list[dict[str, Any]]) -> None:
    """Print what one contestant reached over all seeds."""
    seconds, peak = max(run["seconds"] for run in runs), max(run["megabytes"] for run in runs)
    print(f"\n{name}: at most {seconds:.1f} s, peak {peak:.0f} MB")  # noqa: T201
    total: dict[str, int] = {}
    for kind in (*KINDS, "all"):
        parts = [run["kinds"][k] for run in runs for k in (KINDS if kind == "all" else (kind,))]
        total = {key: sum(part[key] for part in parts) for key in parts[0]}
        wrong = total["linked"] - total["right"]
        precision = total["right"] / max(1, total["linked"])
        print(  # noqa: T201
            f"{kind:<11} precision {precision:.5f} ({wrong} wrong of {total['linked']:,})"
            f"  recall {total['right'] / total['present']:.4f}  with review {total['within'] / total['present']:.4f}"
            f"  review {total['review'] / total['rows']:.3f}"
            + (f"  aim {AIMS[kind]}" if kind in AIMS else "")
        )


def main() -> None:
    """Compare the contestants over several seeds."""
    parser = argparse.ArgumentParser(description="Precision, recall, time and memory of linkage.")
    parser.add_argument("--residents", type=int, default=350_000)
    parser.add_argument("--rows", type=int, default=3_200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--only", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--world", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--misses", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        run_one(options.only, options.world, options.misses)
        return
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in options.contestants}
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            write_world(options.residents, options.rows, seed, Path(folder))
            for name in options.contestants:
                command = [
                    sys.executable,
                    "-m",
                    "tests.bench.linkage",
                    "--only",
                    name,
                    "--world",
                    folder,
                ]
                found = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
                runs[name].append(json.loads(found.splitlines()[-1]))
    for name in options.contestants:
        show(name, runs[name])


if __name__ == "__main__":
    main()
