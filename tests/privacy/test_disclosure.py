"""The disclosure as values: all that was declared, the same everywhere, and nothing of the user or the machine."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import discreet
from discreet import Boolean, Count, Destination, Event, Hash, Number, OneOf, Telemetry, names
from discreet.cli import VERBS
from discreet.privacy.accept import produces
from discreet.privacy.declaration import OWN_EVENTS, Declaration
from discreet.privacy.disclosure import content
from discreet.privacy.schema import schema
from discreet.privacy.spelled import fields, read
from discreet.sending.records import checked

SECRETS = ("lovelace", "hunter2", "sekrit", "token-9", "phc_key", "tenant-7")
KEYS = [
    "disclosure", "tool", "command", "consent", "identity", "closed", "events", "fields", "record", "never",
    "unchecked", "destinations", "kept", "off", "look", "source",
]  # fmt: skip


class Search(Event, sample=0.1):
    """A search
    was made.

    More than anybody wants to read.
    """

    fmt = OneOf("json", "table", purpose="is the table\n  output worth its code?", example="table")
    local = Boolean(epsilon=2, level="enhanced")
    results = {"returned": Count(), "shown": Number(round_to=10, example=143)}  # noqa: RUF012  # a declaration


def declared(**options: Any) -> Telemetry:
    """A tool with one event of each kind."""
    return Telemetry("mytool", **{"events": [Search], "fields": {"project": Hash()}, **options})


def texts(value: object) -> Iterator[str]:
    """Every text in a value, keys among them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def test_the_keys() -> None:
    """The keys of the form are fixed, each with values that JSON holds."""
    found = content(declared())
    assert list(found) == KEYS
    assert found["disclosure"] == 1
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found["events"][0]) == ["name", "purpose", "sample", "fields"]
    assert list(found["fields"][0]) == ["name", "conversion", "words", "example", "purpose", "level"]
    assert list(found["kept"]) == ["log", "files", "bytes_per_file", "days", "days_until_never_sent"]


def test_all_that_is_declared() -> None:
    """Each event and each field is there, with its line, its level and an example that it could record."""
    telemetry = declared()
    assert telemetry.declaration is not None
    found = content(telemetry)
    assert [event["name"] for event in found["events"]] == list(telemetry.declaration.events)
    assert list(telemetry.declaration.events) == ["command", "session", "search"]
    said = {event["name"]: event["fields"] for event in found["events"]} | {"": found["fields"]}
    for event, rows in {**telemetry.declaration.events, "": telemetry.declaration.fields}.items():
        assert [field["name"] for field in said[event]] == [path for path, _ in fields(rows)]
        for field, (_, row) in zip(said[event], fields(rows), strict=True):
            assert str(read(field["conversion"])) == field["conversion"]
            assert field["level"] == row.level
            assert produces(row, field["example"])


def test_purposes_and_rates() -> None:
    """A purpose is one line, of a docstring its first paragraph; where none was stated it says so by null."""
    found = content(declared())
    command, session, search = found["events"]
    assert (session["purpose"], session["sample"]) == ("What was done in one run, added up.", None)
    assert (search["purpose"], search["sample"]) == ("A search was made.", 0.1)
    assert (command["purpose"], command["sample"]) == (
        "Which commands are used, how long they take, and whether they work.",
        None,
    )
    assert {field["name"]: field["purpose"] for field in search["fields"]} == {
        "fmt": "is the table output worth its code?",
        "local": None,
        "results/returned": None,
        "results/shown": None,
        "sample_rate": "which share of these events is recorded, so that all can be estimated",
    }
    events = {name: {"n": "count"} for name in (*OWN_EVENTS, "search")}
    purposes = {event["name"]: event["purpose"] for event in content(Telemetry("mytool", events=events))["events"]}
    assert {name for name, purpose in purposes.items() if purpose is None} == {"search"}


def test_the_author_s_word_about_a_command() -> None:
    """What the author says of the package's own event stands in place of ours, and added fields come with it."""
    telemetry = Telemetry("mytool", events={"command": {"fields": {"files": "count"}, "purpose": "Mine."}})
    command, _ = content(telemetry)["events"]
    assert command["purpose"] == "Mine."
    assert [field["name"] for field in command["fields"]][-1] == "files"


def test_the_author_s_row_of_a_field_of_ours() -> None:
    """A row in the place of ours, as one that names the commands, leaves our purpose, unless it says its own."""
    rows = {"command": OneOf("search"), "error": OneOf("PlanError", purpose="Mine.")}
    command, _ = content(Telemetry("mytool", events={"command": rows}))["events"]
    purposes = {field["name"]: field["purpose"] for field in command["fields"]}
    assert (purposes["command"], purposes["error"]) == ("which command was used", "Mine.")


@pytest.mark.parametrize("identity", ["run", "install"])
def test_what_every_record_holds(make_telemetry: Callable[..., Telemetry], identity: str) -> None:
    """The facts of a record that are told are those of a record, in their order; none is kept back."""
    telemetry = make_telemetry(identity=identity)
    telemetry.track("search")
    assert telemetry.flush(5.0)
    line = json.loads(Path(telemetry.paths["log"]).read_text())
    assert [*(fact["name"] for fact in content(telemetry)["record"]), "properties"] == list(line)


@pytest.mark.parametrize("identity", ["run", "install"])
def test_the_examples_make_a_record(identity: str) -> None:
    """The examples of what every record holds are together one that is read back."""
    telemetry = Telemetry("mytool", identity=identity)
    record = {fact["name"]: fact["example"] for fact in content(telemetry)["record"]} | {"properties": {}}
    assert checked(dict(record)) == record
    jsonschema.Draft202012Validator(schema("mytool", Declaration(), install=identity == "install")).validate(record)


@pytest.mark.parametrize("consent", ["opt-in", "opt-out", "local", "off"])
def test_where_it_goes(consent: str) -> None:
    """Each destination with its host and form; none where the mode sends nothing."""
    destination = Destination("https://telemetry.example.org:8443/records", batch_size=5, time_precision="day")
    found = content(declared(consent=consent, destination=[destination, "https://otel.example.org/v1/traces"]))
    if consent in ("local", "off"):
        assert found["destinations"] == []
        return
    assert found["destinations"] == [
        {
            "host": "https://telemetry.example.org:8443",
            "format": "json",
            "batch_size": 5,
            "batch_interval_seconds": 60.0,
            "time_precision": "day",
            "credentials": False,
            "flags": False,
            "waits_for_key": False,
        },
        {
            "host": "https://otel.example.org",
            "format": "otlp",
            "batch_size": 10,
            "batch_interval_seconds": 60.0,
            "time_precision": "hour",
            "credentials": False,
            "flags": False,
            "waits_for_key": False,
        },
    ]


def test_no_secret_of_a_destination() -> None:
    """User information, keys, headers, paths and queries are in no form of it; that there are some is."""
    telemetry = declared(
        destination=[
            "https://lovelace:hunter2@a.example.org/",
            Destination("https://b.example.org/hook/tenant-7?key=sekrit", headers={"X-Token-9": "token-9"}),
            Destination.posthog("phc_key"),
            Destination("https://c.example.org/batch/"),
        ]
    )
    found = content(telemetry)
    everything = "\n".join([*texts(found), telemetry.disclosure()]).lower()
    assert not [secret for secret in SECRETS if secret in everything]
    assert [one["credentials"] for one in found["destinations"]] == [True, True, True, False]
    assert [one["waits_for_key"] for one in found["destinations"]] == [False, False, False, True]
    assert [one["flags"] for one in found["destinations"]] == [False, False, True, True]


def test_the_environment_says_nothing(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """No variable, no stored answer and no other home changes a byte: it is what the author declared."""
    before = content(declared(destination="https://a.example.org/")), declared().disclosure()
    directory = home / ".mytool" / "telemetry"
    directory.mkdir(parents=True)
    (directory / "opt-in").write_text("enhanced")
    for name, value in {
        "HOME": "/home/somebody",
        "USERPROFILE": "/home/somebody",
        "MYTOOL_TELEMETRY_DIR": "/somewhere/else",
        "MYTOOL_TELEMETRY_ENDPOINT": "https://other.example.org/",
        "MYTOOL_TELEMETRY_POSTHOG_API_KEY": "phc_key",
        "MYTOOL_TELEMETRY_BATCH_SIZE": "7",
        "MYTOOL_TELEMETRY_OPT_IN": "enhanced",
        "DO_NOT_TRACK": "1",
        "CI": "true",
        "COLUMNS": "20",
    }.items():
        monkeypatch.setenv(name, value)
    assert before == (content(declared(destination="https://a.example.org/")), declared().disclosure())


PROGRAM = """
import sys
import discreet
telemetry = discreet.Telemetry(
    "mytool", fields={"lang": discreet.Distribution("py", "js", example={"py", "js", "c"}), "project": "hash"}
)
sys.stdout.buffer.write(telemetry.disclosure().encode())
print(telemetry.main(["disclosure", "--format", "json"]), telemetry.main(["disclosure", "--format", "schema"]))
"""


def test_the_same_everywhere(run_python: Callable[..., Any], tmp_path: Path) -> None:
    """Two processes with nothing in common but the declaration print the same bytes."""
    one = run_python(PROGRAM, env={"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"}, cwd="/")
    (tmp_path / "ada").mkdir()
    two = run_python(PROGRAM, env={"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "HOME": str(tmp_path / "ada")})
    assert (one.returncode, one.stderr, one.stdout) == (0, "", two.stdout)
    assert "\n0 0\n" in one.stdout
    assert str(tmp_path) not in one.stdout


@pytest.mark.parametrize(
    ("options", "log"),
    [
        ({}, "~/.mytool/telemetry/usage.jsonl"),
        ({"data_dir": "~/.cache/mytool/"}, "~/.cache/mytool/usage.jsonl"),
        ({"data_dir": "/var/lib/ada/mytool"}, "usage.jsonl"),
        ({"files": {"log": "telemetry.log"}}, "~/.mytool/telemetry/telemetry.log"),
    ],
)
def test_where_it_lies(options: dict[str, Any], log: str) -> None:
    """The log below `~`; a directory elsewhere is a matter of the machine, so only the name of the file is told."""
    telemetry = Telemetry("mytool", **options)
    assert content(telemetry)["kept"]["log"] == log
    assert "/var/lib" not in telemetry.disclosure()


def test_how_long() -> None:
    """The bounds are those of the log and of delivery."""
    from discreet.sending import distrust

    kept = content(declared())["kept"]
    assert (kept["files"], kept["bytes_per_file"], kept["days"]) == (
        names.LOG_FILES,
        names.LOG_FILE_BYTES,
        names.LOG_FILE_DAYS,
    )
    assert kept["days_until_never_sent"] * 86_400 == distrust.OLDEST_SECONDS


def test_every_command_is_a_verb() -> None:
    """What one is told to type can be typed."""
    verbs = {f"mytool telemetry {verb.word}" for verb in VERBS}
    assert {one["command"] for one in content(declared())["look"]} <= verbs


def test_a_tool_that_declared_nothing() -> None:
    """Its disclosure tells of the package's own events, and that the world is open."""
    found = content(Telemetry("mytool"))
    assert [event["name"] for event in found["events"]] == ["command", "session"]
    assert (found["fields"], found["closed"]) == ([], False)


def test_the_source() -> None:
    """The package is called as the tool has it, so a copy within a tool is found there."""
    assert content(declared())["source"] == "discreet"


def test_the_source_of_a_copy(run_python: Callable[..., Any], tmp_path: Path) -> None:
    """A copy within a tool calls itself by the name that it is found under there."""
    (tmp_path / "mytool").mkdir()
    (tmp_path / "mytool" / "vendored").symlink_to(Path(discreet.__file__).parent)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom mytool import vendored\n"
    done = run_python(f"{program}print(vendored.Telemetry('mytool').disclosure())")
    assert (done.returncode, done.stderr) == (0, "")
    assert "by the Python package `mytool.vendored`," in done.stdout
