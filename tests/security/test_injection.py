"""Injection: whatever is given to `track`, to a constructor, to a verb or to the environment, it makes no second line,
no second key, no other file and no formula.
"""

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import case
from discreet import Count, Destination, Distribution, Hash, OneOf, Telemetry
from discreet.report.document import document
from discreet.report.table import table
from discreet.sending.records import parse
from report.test_summarize import record, summed

FORGED = '{"v":1,"id":"00000000-0000-4000-8000-000000000000","event":"forged"}'
EVIL = [
    f"search\n{FORGED}\n",
    f"search\r\n{FORGED}",
    'search","event":"forged',
    'x":1},"tool":"forged","y":{"z',
    "search\x00forged",
    "search\u2028forged\u2029forged\x85",
    "\\u0022,\\u0022event\\u0022:\\u0022forged",
    "forged\ud800",
    "=forged|' /C calc'!A0",
    "../../forged",
    "%0aforged",
    "${forged}",
]
KEYS = ["v", "id", "time", "run", "event", "tool", "version", "py", "os", "properties"]


class Named:
    """An object that says of itself what is to be recorded."""

    def __init__(self, text: str) -> None:
        self.__dict__[text] = text
        self.n = text

    def _telemetry_keys(self) -> dict[str, object]:
        return dict.fromkeys(self.__dict__, "count")


@pytest.mark.parametrize("evil", EVIL, ids=case)
def test_no_value_makes_a_line_or_a_key(
    evil: str, home: Path, make_telemetry: Callable[..., Telemetry], swallowed: list[Any]
) -> None:
    """As the name of an event or a field, as a value, an item, a name within a mapping or a flag: every line of the log
    is one record as it was declared, and nothing of the text is in it.
    """
    fields = {"word": Hash(), "items": Distribution("a"), "one": OneOf("a"), "size": Count()}
    telemetry = make_telemetry(fields=fields)
    telemetry.track("before")
    telemetry.track(evil, n=1)
    telemetry.track("search", {evil: 1, "n": 1})
    telemetry.track("search", {"n": {evil: 1}, "word": evil, "items": [evil, "a"], "one": evil, "size": [evil]})
    telemetry.track("search", {"items": {evil: 2}, "one": {evil: evil}, "undeclared": evil})
    telemetry.track(Named(evil))
    telemetry.flag(evil)
    with telemetry.command(evil) as scope:
        scope.add(**{evil: evil})
    with telemetry.session() as session:
        session.count(evil)
        session.observe(evil, 1)
    with pytest.raises(ValueError, match=r"."), telemetry.command("search"):
        raise ValueError(evil)
    telemetry.track("after")
    assert telemetry.flush(5.0)
    text = (home / ".mytool" / "telemetry" / "usage.jsonl").read_text()
    records = [json.loads(line) for line in text.splitlines()]
    assert (records[0]["event"], records[-1]["event"]) == ("before", "after")
    assert all([*one] == KEYS for one in records)
    assert len(records) == len([parse(line) for line in text.split("\n")[:-1]])
    assert "forged" not in text
    assert "forged" not in (home / ".mytool" / "telemetry" / "losses.json").read_text()


@pytest.mark.parametrize("evil", EVIL, ids=case)
def test_what_is_said_once_is_refused(evil: str, home: Path) -> None:
    """A name, a version, a place or an address that could be more than that raises `ValueError`; no file is made."""
    refused: list[dict[str, Any]] = [
        {"name": evil},
        {"version": evil},
        {"data_dir": evil},
        {"events": {evil: {}}},
        {"fields": {evil: "count"}},
        {"destination": evil},
    ]
    if "/" in evil or not evil.isprintable():
        refused.append({"files": {"log": evil}})
    if not evil.isprintable():
        refused.append({"fields": {"one": {"one_of": [evil]}}})
        refused.append({"destination": f"https://example.org/{evil}"})
    for options in refused:
        with pytest.raises(ValueError, match=r"."):
            Telemetry(**{"name": "mytool", **options})
    assert os.listdir(home) == []


@pytest.mark.parametrize("evil", ["x\ny: z", "x\r\ny: z", "x\0", "x\x85y: z", "x\u2028y", "é", "x\ty"], ids=case)
def test_no_header_makes_a_second_one(evil: str) -> None:
    """In a destination's URL, header or key: `ValueError`, before there is anything to send."""
    url = "https://example.org/t"
    for options in (
        {"url": f"{url}?{evil}"},
        {"url": url, "headers": {"X-Key": evil}},
        {"url": url, "headers": {evil: "x"}},
        {"url": url, "api_key": evil},
    ):
        with pytest.raises(ValueError, match=r"."):
            Destination(**options)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff201",
        " =1",
        '"=1',
        "a;=1",
        'a; "@x',
        "a;-1;+2",
    ],
    ids=case,
)
def test_no_cell_is_a_formula(text: str) -> None:
    """However a spreadsheet divides the lines of `report --csv`, no cell begins as a formula does."""
    page = table(document(summed([{**record(fmt=text, lang={text: 1}), "version": text, "os": text, "py": text}])))
    assert text.lstrip(' "')[-2:] in page
    for separator in (",", ";"):
        for cells in csv.reader(io.StringIO(page), delimiter=separator):
            for cell in cells:
                assert not cell.lstrip(' "').startswith(tuple("=+-@\uff1d\uff0b\uff0d\uff20"))
