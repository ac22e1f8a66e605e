"""The file `notice`: what it holds, what counts as said, and when the gate takes it for shown."""

from pathlib import Path
from typing import Any

import pytest

from discreet import Hash, Number, Telemetry, names
from discreet.consent import decide, look, notice

SINCE = "2026-11-20T10:30:00Z"


@pytest.fixture
def paths(home: Path) -> names.Paths:
    """Where the files of a user's tool lie."""
    return names.Paths("mytool", {"HOME": str(home)})


def lines(**options: Any) -> list[str]:
    """What a disclosure of a tool with these options covers, without what each one covers."""
    return sorted(set(notice.lines(Telemetry("mytool", **options))) - set(notice.lines(Telemetry("mytool"))))


def test_what_it_holds(paths: names.Paths) -> None:
    """When, a digest, and a line for each event, field and host, spelled as everywhere."""
    telemetry = Telemetry(
        "mytool",
        consent="opt-out",
        identity="install",
        destination="https://collector.example.org:8443/key/v1/traces?key=1",
        fields={"files": {"number": {"round_to": 10}, "purpose": "how large?"}, "token": "forbid"},
        events={"search": {"fmt": {"one_of": ["table", "json"]}, "found": {"all": "count", "new": "count"}}},
    )
    notice.store(paths, notice.lines(telemetry), SINCE)
    first, *rest = Path(paths["notice"]).read_text().splitlines()
    when, digest = first.split(" ")
    assert when == SINCE
    assert len(digest) == 16
    assert [line for line in rest if not line.startswith("command")] == [
        "* files number round_to=10",
        "+ install",
        "> https://collector.example.org:8443",
        "search",
        'search fmt one_of "json" "table"',
        "search found/all count",
        "search found/new count",
    ]
    assert "command duration_ms number" in rest
    assert notice.shown(paths) == rest == notice.lines(telemetry)


@pytest.mark.parametrize(
    ("options", "added"),
    [
        ({"fields": {"n": "count"}}, ["* n count"]),
        ({"fields": {"n": Number(round_to=10)}}, ["* n number round_to=10"]),
        ({"events": {"command": {"n": Hash()}}}, ["command n hash"]),
        ({"events": {"search": {}}}, ["search"]),
        ({"identity": "install"}, ["+ install"]),
        ({"destination": "https://example.org/t"}, ["> https://example.org"]),
    ],
    ids=str,
)
def test_what_is_an_addition(options: dict[str, Any], added: list[str]) -> None:
    """A field, another conversion, an event, a number of the installation, a host: each is a line more."""
    assert lines(**options) == added


def test_what_is_none() -> None:
    """Purposes, examples, the version and what leaves nothing are not covered, since nothing more is recorded."""
    assert lines(version="2", fields={"a": "forbid"}, events={"command": {"purpose": "why", "fields": {}}}) == []
    closed = Telemetry("mytool", events={"search": {}})
    assert "*" not in notice.lines(closed)
    assert "*" in notice.lines(Telemetry("mytool"))


def test_what_was_said_stays_said(paths: names.Paths) -> None:
    """Two versions of a tool used in turn do not forget each other's lines; the digest is that of the last one."""
    notice.store(paths, ["a", "b"], SINCE)
    digest = Path(paths["notice"]).read_text().split()[1]
    notice.store(paths, ["b", "c"], SINCE)
    assert notice.shown(paths) == ["a", "b", "c"]
    assert Path(paths["notice"]).read_text().split()[1] != digest
    notice.store(paths, ["a", "b"], SINCE)
    assert Path(paths["notice"]).read_text().split()[1] == digest


def test_it_never_grows_past_what_is_read(paths: names.Paths) -> None:
    """What would not be read again is not kept beside the present lines."""
    notice.store(paths, [f"old_{number} x count" for number in range(4000)], SINCE)
    notice.store(paths, ["command"], SINCE)
    assert notice.shown(paths) == ["command"]


@pytest.mark.parametrize("content", ["", "\n", "shown\n", "false 2026-11-20\n"])
def test_the_gate_wants_a_date(paths: names.Paths, content: str) -> None:
    """A file that does not begin with when it was shown is no notice; one that does is."""
    Path(paths.directory).mkdir(parents=True)
    environ = {"HOME": paths.below}
    for written, enabled in ((content, False), (f"{SINCE} 5f1c9a0b7d3e4f21\n{content}", True)):
        Path(paths["notice"]).write_text(written)
        assert decide(look("mytool", "opt-out", environ, paths)).enabled == enabled
    Path(paths["notice"]).unlink()
    Path(paths["notice"]).mkdir()
    assert not decide(look("mytool", "opt-out", environ, paths)).enabled
    assert notice.shown(paths) == []
