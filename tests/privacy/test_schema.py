"""The schema: every recorded line is valid, and what was changed in it is not."""

import builtins
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet import Boolean, Count, Event, Hash, Number, OneOf, Telemetry, names
from discreet.privacy import OTHER, error_name
from discreet.privacy.numbers import Refused
from discreet.privacy.schema import DRAFT, field, schema
from privacy.rows import CASES, Case

Make = Callable[..., Telemetry]


def validator(wanted: Any) -> Any:
    """A validator of the draft that the schema names, once the schema itself is valid."""
    kind = jsonschema.validators.validator_for({"$schema": DRAFT})
    assert kind is jsonschema.Draft202012Validator
    kind.check_schema(wanted)
    return kind(wanted)


def of(telemetry: Telemetry) -> Any:
    """The validator of a tool's records."""
    return validator(schema(telemetry.name, telemetry.declaration, install=telemetry.identity == "install"))


def lines(telemetry: Telemetry) -> list[Any]:
    """What lies on the log."""
    assert telemetry.flush(5.0)
    path = Path(telemetry.paths["log"])
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def recorded(case: Case) -> list[object]:
    """What the row makes of its raw values, as JSON says it."""
    convert = case.row.bind("search", "field", lambda *_: "0fd53f1e62cbe0f5", lambda *_: random.getrandbits(256))
    found = []
    for raw in case.raw:
        try:
            found.append(convert(raw))
        except Refused:
            continue
    return [json.loads(json.dumps(value)) for value in found if value is not None]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_field(case: Case) -> None:
    """What the conversion makes is valid, its example is, and what it can never make is not."""
    wanted = validator(field(case.row))
    values = recorded(case)
    assert values or case.spelled == "forbid"
    for value in (*values, *([] if case.example is None else [case.example])):
        assert wanted.is_valid(value), value
    for value in case.never:
        assert not wanted.is_valid(value), value


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_remarks(case: Case) -> None:
    """Each field carries the line that spells it, and its level."""
    found = field(case.row)
    assert (found["x-conversion"], found["x-level"]) == (case.spelled, case.row.level)
    assert found.get("x-purpose", "") == case.row.purpose
    assert found.get("x-epsilon") == case.row.epsilon


@pytest.mark.parametrize(
    "case", [case for case in CASES.values() if isinstance(case.row, Number)], ids=lambda one: one.spelled
)
@given(value=st.integers() | st.floats(allow_nan=False))
def test_any_number(case: Case, value: float) -> None:
    """No number, however odd, becomes one that the schema refuses."""
    made = case.row.convert(value)
    assert made is None or jsonschema.Draft202012Validator(field(case.row)).is_valid(made)


def test_every_builtin_error() -> None:
    """What is recorded of each exception that this Python has is valid, and an error's text is not."""
    wanted = validator(field(CASES["own: error"].row))
    kinds = [
        name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
    ]
    recorded = {name: error_name(name) for name in [*kinds, "_IncompleteInputError"]}  # a private one of 3.13
    assert len(recorded) > 60
    assert all(wanted.is_valid(name) for name in recorded.values())
    assert [name for name in recorded if recorded[name] == OTHER] == ["_IncompleteInputError"]
    assert not wanted.is_valid("FileNotFoundError: /home/ada")


class Search(Event):
    """A search was made."""

    fmt = OneOf("json", "table", purpose="which format?")
    results = {"returned": Count(), "local": Boolean(level="enhanced")}  # noqa: RUF012  # a declaration
    size = Number(round_to=10)


def record_some(telemetry: Telemetry) -> None:
    """Records of a command that works, one that fails, and the event `search`."""
    with telemetry.command("sync") as scope:
        scope.add(files=12)
    with pytest.raises(KeyError), telemetry.command("sync"):
        raise KeyError("secret")
    telemetry.track("search", fmt="yaml", results={"returned": [1], "local": 1}, size=143, text="dropped")
    telemetry.track("search", fmt="json", results={}, size=-0.0)
    telemetry.track("search")


@pytest.mark.parametrize("identity", ["run", "install"])
@pytest.mark.parametrize(
    "declared",
    [{}, {"fields": {"files": "count"}}, {"events": [Search]}, {"events": [Search], "fields": {"files": "count"}}],
    ids=["nothing", "fields", "events", "both"],
)
def test_recorded_lines(make_telemetry: Make, declared: dict[str, Any], identity: str) -> None:
    """Whatever a tool records, in whatever world it declared, is valid."""
    telemetry = make_telemetry(identity=identity, version="1.4.0", **declared)
    record_some(telemetry)
    found = lines(telemetry)
    assert len(found) == 5
    for line in found:
        of(telemetry).validate(line)


CHANGES: dict[str, Callable[[Any], object]] = {
    "another version of the form": lambda line: line.update(v=2),
    "an id that is none": lambda line: line.update(id="1"),
    "a random number of another kind": lambda line: line.update(id=line["id"][:14] + "1" + line["id"][15:]),
    "a time that is none": lambda line: line.update(time="yesterday"),
    "a time with a fraction": lambda line: line.update(time="2026-11-20T10:30:00.5Z"),
    "a run of a user": lambda line: line.update(run="ada"),
    "another tool": lambda line: line.update(tool="yourtool"),
    "a version with a path": lambda line: line.update(version="1.4.0 /home/ada"),
    "a version too long": lambda line: line.update(version="1" * 65),
    "a system with a host": lambda line: line.update(os="linux ada-laptop"),
    "a Python of somebody": lambda line: line.update(py="3.11.7 /usr/bin"),
    "a further key": lambda line: line.update(host="ada-laptop"),
    "an installation": lambda line: line.update(install="0" * 32),
    "no time": lambda line: line.pop("time"),
    "no properties": lambda line: line.pop("properties"),
    "an undeclared event": lambda line: line.update(event="login"),
    "an event of no legal name": lambda line: line.update(event="Search /home"),
    "an undeclared field": lambda line: line["properties"].update(n=1),
    "an undeclared text": lambda line: line["properties"].update(fmt="yaml"),
    "a field of another event": lambda line: line["properties"].update(command="sync"),
    "an undeclared inner field": lambda line: line["properties"].update(results={"secret": 1}),
    "an empty inner mapping": lambda line: line["properties"].update(results={}),
    "a text for a number": lambda line: line["properties"].update(size="140"),
    "a number not rounded": lambda line: line["properties"].update(size=143),
    "a list": lambda line: line["properties"].update(size=[140]),
    "null": lambda line: line["properties"].update(size=None),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_lines(make_telemetry: Make, change: Callable[[Any], object]) -> None:
    """A line with anything in it that the declaration does not hold is not valid."""
    telemetry = make_telemetry(version="1.4.0", events=[Search])
    telemetry.track("search", fmt="json", results={"returned": [1]}, size=140)
    (line,) = lines(telemetry)
    assert of(telemetry).is_valid(line)
    change(line)
    assert not of(telemetry).is_valid(line)


@pytest.mark.parametrize("name", ["id", "time", "run", "event", "tool", "version", "install", "project", "fmt"])
def test_no_text_goes_on_behind_its_end(make_telemetry: Make, name: str) -> None:
    """A text with a line break behind it is another text, though a pattern's `$` may stand before one in Python."""
    events = {"search": {"project": Hash(), "fmt": OneOf("json")}}
    telemetry = make_telemetry(version="1" * names.NAME_LENGTH, identity="install", events=events)
    telemetry.track("search", project="/home/ada", fmt="json")
    (line,) = lines(telemetry)
    assert of(telemetry).is_valid(line)
    place = line["properties"] if name in line["properties"] else line
    place[name] += "\n"
    assert not of(telemetry).is_valid(line)


@pytest.mark.parametrize(
    ("event", "properties", "valid"),
    [
        ("login", {"n": 999_999_999, "f": -0.5, "b": True}, True),
        ("login", {}, True),
        ("login", {"n": 10**9}, False),
        ("login", {"n": -(10**9)}, False),
        ("login", {"text": "secret"}, False),
        ("login", {"nothing": None}, False),
        ("login", {"Not Legal": 1}, False),
        ("login", {f"n{number}": 1 for number in range(33)}, False),
        ("login", {"files": "140"}, False),
        ("login", {"files": 10**9}, True),  # by its row
        ("command", {"command": "sync", "n": 1}, True),
        ("command", {"command": "Not Legal"}, False),
        ("Not Legal", {}, False),
    ],
)
def test_the_open_world(make_telemetry: Make, event: str, properties: dict[str, Any], valid: bool) -> None:
    """Where the author declared no events, others may come, with what the default rules let out and nothing else."""
    telemetry = make_telemetry(fields={"files": "count"})
    telemetry.track("seen")
    (line,) = lines(telemetry)
    line.update(event=event, properties=properties)
    assert of(telemetry).is_valid(line) is valid


def test_what_is_said_besides() -> None:
    """Purposes and rates stand in the branch of their event."""
    telemetry = Telemetry("mytool", events={"search": {"fields": {"n": "count"}, "purpose": "why", "sample": 0.25}})
    (branch,) = (one for one in schema("mytool", telemetry.declaration)["oneOf"] if one["title"] == "search")
    assert (branch["x-purpose"], branch["x-sample"]) == ("why", 0.25)


def test_no_key_is_needed_that_a_tool_may_leave_out() -> None:
    """What `sent` leaves as JSON is valid, its time cut to the hour."""
    telemetry = Telemetry("mytool")
    line = {
        "v": 1, "id": "d00f4479-d6a5-4029-a739-5750004ea1ba", "time": "2026-11-20T10:00:00Z", "run": "9250cc9eadbb82a8",
        "event": "command", "tool": "mytool", "version": "", "py": "3.11.7", "os": "linux", "properties": {},
    }  # fmt: skip
    of(telemetry).validate(line)
