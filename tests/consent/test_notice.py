"""The file `notice`: what it holds, what stays in it, and when the gate takes it for shown."""

import os
from pathlib import Path

import pytest

from discreet import names
from discreet.consent import decide, look, stored
from discreet.privacy.agreement import Agreement
from discreet.privacy.coverage import lines
from discreet.privacy.declaration import Declaration

SINCE = "2026-11-20T10:30:00Z"


@pytest.fixture
def paths(home: Path) -> names.Paths:
    """Where the files of a user's tool lie."""
    return names.Paths("mytool", {"HOME": str(home)})


def first(paths: names.Paths) -> list[str]:
    """The words of its first line."""
    return Path(paths["notice"]).read_text().partition("\n")[0].split(" ")


def test_what_it_holds(paths: names.Paths) -> None:
    """When, a digest of what was told, and what that covered, as `opt-in` holds it."""
    told = ["> example.org", "search", 'search fmt one_of "json" "table"']
    stored.note(paths, told, SINCE)
    when, digest = first(paths)
    assert (when, len(digest)) == (SINCE, 16)
    assert stored.covered(paths, "notice") == told
    assert Path(paths["notice"]).stat().st_mode & 0o777 == 0o600


def test_what_was_said_stays_said(paths: names.Paths) -> None:
    """Two versions used in turn do not forget each other's lines; of a field the last word holds; the digest is of
    what was told last.
    """
    stored.note(paths, ["a", "a n number", "b"], SINCE)
    digest = first(paths)[1]
    stored.note(paths, ["a", "a n count", "c", "> x"], SINCE)
    assert stored.covered(paths, "notice") == ["> x", "a", "a n count", "b", "c"]
    assert first(paths)[1] != digest
    stored.note(paths, ["a", "a n number", "b"], SINCE)
    assert first(paths)[1] == digest


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_field_common_to_all_events_was_told_of_those_there_were(paths: names.Paths, order: tuple[int, int]) -> None:
    """What one version said of all its events was not said of an event that only another version has."""
    versions = Declaration({"a": {}}, {"n": "count"}), Declaration({"b": {}})
    for version in order:
        stored.note(paths, lines(versions[version], []), SINCE)
    known = stored.covered(paths, "notice")
    for declaration in versions:
        assert Agreement(known, declaration).additions() == []
    assert Agreement(known, Declaration({"b": {"n": "count"}})).additions() == ["b.n"]
    assert Agreement(known, Declaration({"a": {}, "b": {}}, {"n": "count"})).additions() == ["b.n"]


def test_the_last_word_on_a_common_field_holds(paths: names.Paths) -> None:
    """A field that an event had by itself, and now has as all others do, is what was said of it last."""
    for declaration in (Declaration({"a": {"n": "count"}}), Declaration({"a": {}}, {"n": "boolean"})):
        stored.note(paths, lines(declaration, []), SINCE)
        assert Agreement(stored.covered(paths, "notice"), declaration).additions() == []
    assert Agreement(stored.covered(paths, "notice"), Declaration({"a": {"n": "count"}})).additions() == ["a.n"]


def test_a_common_field_in_another_form_was_not_told(paths: names.Paths) -> None:
    """An event that had it as a mapping of its own is not said to have it as all others do, whatever is told beside."""
    shadowed = Declaration({"a": {"n": {"x": "count"}}}, {"n": "count"})
    for declaration in (shadowed, Declaration({"b": {}})):
        stored.note(paths, lines(declaration, []), SINCE)
    known = stored.covered(paths, "notice")
    assert Agreement(known, shadowed).additions() == []
    assert Agreement(known, Declaration({"a": {}}, {"n": "count"})).additions() == ["a.n"]


def test_the_last_word_on_a_rate_holds(paths: names.Paths) -> None:
    """Of an event that is told of without one, every event is: else that would be an addition in each run. One of
    another version keeps its own.
    """
    sampled = Declaration({name: {"fields": {"n": "count"}, "sample": 0.01} for name in ("a", "b")})
    stored.note(paths, lines(sampled, []), SINCE)
    every = Declaration({"a": {"n": "count"}})
    stored.note(paths, lines(every, ["x"]), SINCE)
    known = stored.covered(paths, "notice")
    assert Agreement(known, every).additions() == []
    assert Agreement(known, sampled).additions() == []
    assert Agreement(known, Declaration({"b": {"n": "count"}})).additions() == ["b"]
    stored.note(paths, lines(sampled, ["y"]), SINCE)
    assert Agreement(stored.covered(paths, "notice"), every).additions() == ["a"]


@pytest.mark.parametrize("order", [(0, 1, 0), (1, 0, 1)])
@pytest.mark.parametrize("shape", [{"boolean": True, "epsilon": 1}, {"x": {"boolean": True, "epsilon": 1}}], ids=str)
def test_a_question_common_to_all_events_is_still_one(paths: names.Paths, order: list[int], shape: object) -> None:
    """Beside the lines of a version with other events it is neither an addition nor a question of each event's own."""
    versions = Declaration({"a": {}, "c": {}}, {"proxy": shape}), Declaration({"b": {}})
    for version in order:
        stored.note(paths, lines(versions[version], []), SINCE)
    known = stored.covered(paths, "notice")
    assert [Agreement(known, declaration).additions() for declaration in versions] == [[], []]
    field = "proxy" if "boolean" in str(shape)[:10] else "proxy/x"
    own = Declaration({"a": {"proxy": shape}, "c": {"proxy": shape}})
    assert Agreement(known, own).additions() == [f"a.{field}", f"c.{field}"]
    assert Agreement(known, Declaration({"b": {}}, {"proxy": shape})).additions() == [f"b.{field}"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no such modes")
def test_one_that_anybody_may_write_covers_nothing(paths: names.Paths) -> None:
    """What stands in a notice that is open to every user's pen counts for nothing; the next one takes its place."""
    stored.note(paths, ["a", "b"], SINCE)
    notice = Path(paths["notice"])
    notice.chmod(0o666)
    assert stored.covered(paths, "notice") == []
    stored.note(paths, ["c"], SINCE)
    assert stored.covered(paths, "notice") == ["c"]
    assert notice.stat().st_mode & 0o777 == 0o600


def test_it_never_grows_past_what_is_read(paths: names.Paths) -> None:
    """What would not be read again is not kept beside the present lines."""
    stored.note(paths, [f"old_{number} x count" for number in range(3000)], SINCE)
    stored.note(paths, [f"new_{number} x count" for number in range(3000)], SINCE)
    assert stored.covered(paths, "notice") == sorted(f"new_{number} x count" for number in range(3000))


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
