"""The queries of docs/analysis.md, taken from that page, over one log: each answer is that of `report --json`."""

import gzip
import json
import math
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment
from discreet.log import Encoder
from interop.peers import missing, needed

PAGE = Path(__file__).parents[2] / "docs" / "analysis.md"
BLOCK = re.compile(r"^```(sql|jq)\n(?:--|#) ?(\w+)(?:: (\w+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
MANIFEST = """
name = "mytool"
[fields.private]
boolean = {epsilon = 1.0}
"""
QUESTIONS = ("rows", "days", "versions", "values", "sampled", "by_lot", "repeats")
Ask = Callable[[str], list[dict[str, Any]]]


def queries(engine: str) -> dict[str, str]:
    """The queries of the page for an engine, by question."""
    found = {}
    for language, first, second, text in BLOCK.findall(PAGE.read_text()):
        name, question = (first, second) if language == "sql" else ("jq", first)
        if name == engine:
            found[question] = text
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two files of a log: records of all kinds, and lines that are none."""
    place = tmp_path_factory.mktemp("files")
    chance = random.Random(20261120)
    encoders = [Encoder("mytool", version) for version in ("1.3.2", "1.4.0", "")]
    lines = []
    for n in range(900):
        kinds: list[tuple[str, dict[str, Any]]] = [
            ("command", {"command": f"c{n % 3}", "duration_ms": chance.randrange(400), "success": n % 7 > 0}),
            ("search", {"fmt": chance.choice(["json", "table"]), "ms": n / 8, "private": chance.random() < 0.4}),
            ("search", {"n": n}),
            ("speed", {"ms": 7, chance.choice(["ms", "duration_ms"]): chance.choice(["fast", "7", True])}),  # no times
            ("rare", {"sample_rate": chance.choice([0.1, 0.5]), "x": 1}),
        ]
        event, properties = chance.choice(kinds)
        moment = 1_790_000_000 + chance.randrange(20 * 86_400)
        lines.append(chance.choice(encoders).encode(event, properties, lambda moment=moment: moment))
    foreign = [b'{"hello":1}\n', lines[0].replace(b'"v":1', b'"v":2'), b"[1]\n"]
    for at, line in ((20, lines[0][:120] + b"\n"), (300, foreign[0]), (500, foreign[1])):
        lines.insert(at, line)
    (place / "usage.1.jsonl").write_bytes(b"".join(lines[:400]))
    (place / "usage.jsonl").write_bytes(b"".join(lines[400:]) + lines[-1][:60])
    (place / "telemetry.toml").write_text(MANIFEST)
    return place


@pytest.fixture(scope="module")
def report(place: Path) -> dict[str, Any]:
    """What the report says of the same files."""
    command = [sys.executable, "-W", "error", "-m", "discreet", "--manifest", "telemetry.toml", "report", "--json"]
    files = ["usage.1.jsonl", "usage.jsonl"]
    done = subprocess.run(
        [*command, *files],
        cwd=place,
        env=clean_environment(place),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["skipped"] == {"torn": 2, "foreign": 2}
    return found


def expected(report: dict[str, Any], question: str) -> list[dict[str, Any]]:
    """The answer to a question, from the report."""
    field = {one["field"]: one["values"] for one in report["fields"] if one["event"] == "search"}
    if question == "rows":
        rows = []
        for row in report["rows"]:
            times = row["duration_ms"] or dict.fromkeys(("mean", "median", "p95"))
            counts = {name: row[name] for name in ("event", "command", "count", "ok", "failed")}
            rows.append(counts | {name: times[name] for name in ("mean", "median", "p95")})
        return sorted(rows, key=lambda row: (-row["count"], row["event"], row["command"] or ""))
    if question == "sampled":
        return [
            {"event": row["event"], "count": row["count"], **row["estimate"]}
            for row in report["rows"]
            if row["estimate"]
        ]
    if question == "by_lot":
        answers = sorted(field["private"], key=lambda one: one["value"])
        return [
            {name: one[name] for name in ("value", "count")}
            | {"estimate": one["estimate"]["value"], "error": one["estimate"]["error"]}
            for one in answers
        ]
    if question == "repeats":
        return [{"records": report["events"], "different": report["events"]}]
    held = field["fmt"] if question == "values" else report[question]
    return [{name: value for name, value in one.items() if name != "estimate"} for one in held]


def check(question: str, ask: Ask, query: str, report: dict[str, Any]) -> None:
    """The answer has the rows of the report, in its order, figure by figure."""
    answer, wanted = ask(query), expected(report, question)
    assert len(answer) == len(wanted) > 0
    for found, row in zip(answer, wanted, strict=True):
        for name, value in row.items():
            if isinstance(value, float | int) and not isinstance(value, bool):
                assert math.isclose(float(found[name]), value, rel_tol=1e-9), (name, found, row)
            else:
                assert found[name] == value, (name, found, row)


def duckdb(place: Path, pattern: str = "usage*.jsonl") -> Ask:
    """DuckDB over the files."""
    connection = needed("duckdb").connect()
    connection.execute(queries("duckdb")["records"].replace("usage*.jsonl", f"{place}/{pattern}"))

    def ask(query: str) -> list[dict[str, Any]]:
        found = connection.execute(query)
        return [dict(zip([one[0] for one in found.description], row, strict=True)) for row in found.fetchall()]

    return ask


CLICKHOUSE = """
import sys
from chdb import session
asked = session.Session()
asked.query(sys.argv[1])
print(asked.query(sys.argv[2], "JSONEachRow"))
"""


def clickhouse(place: Path, pattern: str = "usage*.jsonl") -> Ask:
    """ClickHouse in the directory of the files; in a process of its own, since it starts many threads."""
    needed("chdb")
    view = queries("clickhouse")["records"].replace("usage*.jsonl", pattern)

    def ask(query: str) -> list[dict[str, Any]]:
        command = [sys.executable, "-c", CLICKHOUSE, view, query]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line]

    return ask


def jq(place: Path) -> Ask:
    """The command jq, as the page says to type it."""
    program = shutil.which("jq") or missing("jq")

    def ask(query: str) -> list[dict[str, Any]]:
        (place / "question.jq").write_text(query)
        done = subprocess.run(
            [program, "-ncRf", "question.jq", "usage.1.jsonl", "usage.jsonl"],
            cwd=place,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return [json.loads(line) for line in done.stdout.splitlines()]

    return ask


ENGINES = {"duckdb": duckdb, "clickhouse": clickhouse, "jq": jq}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_answers_agree(place: Path, report: dict[str, Any], engine: str, question: str) -> None:
    """Each question of the page, asked with each engine."""
    check(question, ENGINES[engine](place), queries(engine)[question], report)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine", ["duckdb", "clickhouse"])
def test_compressed_files(place: Path, report: dict[str, Any], tmp_path: Path, engine: str) -> None:
    """Files of gzip are read as they are."""
    for name in ("usage.jsonl", "usage.1.jsonl"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((place / name).read_bytes()))
    check("rows", ENGINES[engine](tmp_path, "usage*.jsonl.gz"), queries(engine)["rows"], report)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_values_of_another_field(place: Path, report: dict[str, Any], engine: str) -> None:
    """Who puts another field in the place of the page's gets its values, be they texts or not."""
    answer = ENGINES[engine](place)(queries(engine)["values"].replace("fmt", "private"))
    (held,) = (one["values"] for one in report["fields"] if one["field"] == "private")
    counted = {str(one["value"]).lower(): one["count"] for one in held}
    assert {str(one["value"]).lower(): one["count"] for one in answer} == counted


@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_time_that_is_none_stops_nobody(tmp_path: Path, engine: str) -> None:
    """A line that somebody forged may be in an answer; the others are in any case."""
    record = Encoder("mytool", "1.4.0").encode("search", {}, lambda: 1_790_000_000)
    (tmp_path / "usage.jsonl").write_bytes(record + record.replace(b'"time":"2026-', b'"time":"later'))
    (tmp_path / "usage.1.jsonl").touch()
    assert {"day": "2026-09-21", "count": 1} in ENGINES[engine](tmp_path)(queries(engine)["days"])


def test_every_query_of_the_page_is_run() -> None:
    """No engine misses a question, and the page has none that nobody runs."""
    text = PAGE.read_text()
    assert set(queries("duckdb")) == set(queries("clickhouse")) == {"records", *QUESTIONS}
    assert set(queries("jq")) == set(QUESTIONS)
    assert len(re.findall(r"^```(?:sql|jq)$", text, re.MULTILINE)) == 3 * len(QUESTIONS) + 2
