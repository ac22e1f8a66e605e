"""The table of CSV: one line for each figure, read back by a reader of CSV, and harmless in a spreadsheet."""

import csv
import io

import pytest

from discreet.report.document import document
from discreet.report.summarize import ROWS
from discreet.report.table import COLUMNS, table
from report.test_document import DECLARED
from report.test_summarize import record, summed


def read(text: str) -> list[dict[str, str]]:
    """The lines as a reader of CSV has them."""
    return list(csv.DictReader(io.StringIO(text)))


def test_every_figure_has_a_line() -> None:
    """Rows, days, facts, fields with their values and what was skipped, each with its context."""
    log = [record("command", command="sync", success=True, duration_ms=40, code=2)] * 3 + [record(lang={"py": 2})]
    found = read(table(document(summed(log), None, {"torn": 1})))
    assert [line["table"] for line in found] == [
        *("row", "row", "day", "tool", "version", "system", "python", "field", "value", "field", "value", "skipped"),
    ]
    assert list(found[0]) == list(COLUMNS)
    assert {name: value for name, value in found[0].items() if value} == {
        "table": "row",
        "event": "command",
        "command": "sync",
        "count": "3",
        "ok": "3",
        "failed": "0",
        **dict.fromkeys(("mean", "low", "median", "p95", "high"), "40"),
        "mean": "40.0",
        "sum": "120",
    }
    assert (found[8]["field"], found[8]["value"], found[8]["count"]) == ("code", "2", "3")
    assert (found[-1]["value"], found[-1]["count"]) == ("torn", "1")


def test_different_hashes() -> None:
    """How many there are stands beside the count of the field; nothing does if they are too many to tell."""
    for number, told in ((3, "3"), (ROWS + 1, "")):
        found = read(table(document(summed(record(who=f"{n % number:016x}") for n in range(ROWS + 1)), DECLARED)))
        line = next(line for line in found if line["table"] == "field")
        assert (line["field"], line["count"], line["different"]) == ("who", f"{ROWS + 1}", told)


def test_what_the_rows_are_split_by() -> None:
    """The field that was asked for stands beside its value, in the rows alone."""
    found = read(table(document(summed([record(fmt="json"), record(fmt="table")], by="fmt"))))
    rows = [line for line in found if line["table"] == "row"]
    assert [(line["field"], line["value"]) for line in rows] == [("fmt", "json"), ("fmt", "table")]


def test_estimates_have_their_error() -> None:
    """Sampled rows, and answers by lot, have an estimate beside the count."""
    log = [record("rare", sample_rate=0.5)] * 4 + [record(private=True)] * 5 + [record(private=False)]
    found = read(table(document(summed(log), DECLARED)))
    rare = next(line for line in found if line["event"] == "rare")
    assert (rare["count"], rare["estimate"], float(rare["error"])) == ("4", "8.0", pytest.approx(8**0.5))
    answers = {line["value"]: line for line in found if line["table"] == "value" and line["field"] == "private"}
    assert set(answers) == {"true", "false"}
    assert float(answers["true"]["estimate"]) + float(answers["false"]["estimate"]) == pytest.approx(6)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("x")', '"', "a,b", "größer"])
def test_no_cell_is_a_formula(text: str) -> None:
    """A text that a spreadsheet would compute has an apostrophe before it; any other comes back as it was."""
    found = read(table(document(summed([{**record(fmt=text), "version": text}]))))
    cells = {line["value"] for line in found if line["table"] in ("version", "value")}
    assert cells == {f"'{text}" if text[0] in "=+-@" else text}


def test_numbers_stay_numbers() -> None:
    """A negative number is no formula."""
    found = read(table(document(summed([record(n=-4)] * 3))))
    assert next(line for line in found if line["table"] == "value")["value"] == "-4"


def test_an_empty_log_has_a_heading() -> None:
    """A program that reads the table finds its columns, and no line."""
    assert table(document(summed([]))) == ",".join(COLUMNS)
