"""The stored answer: real files of every kind, what the gate makes of them, and how an answer is written."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from consent.conftest import gate
from discreet import consent, names
from discreet.consent.stored import covered, note, store
from discreet.privacy import coverage
from discreet.privacy.agreement import Agreement
from discreet.privacy.conversions import Boolean
from discreet.privacy.declaration import Declaration
from discreet.telemetry import Recorder

SINCE = "2026-11-20T10:30:00Z"
posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no FIFO")


YES = {
    "echo true": b"true\n",
    "no newline": b"true",
    "upper case": b"TRUE\n",
    "mixed case, spaces": b"  True  \n",
    "CRLF": b"true\r\n",
    "a leading empty line": b"\n\ntrue\n",
    "with a date": b"true 2026-11-20T10:30:00Z\n",
    "with what it covered": b"true 2026-11-20T10:30:00Z sha256:abc everything\n",
    "with a comment": b"true # by hand\n",
    "UTF-8 with a mark": b"\xef\xbb\xbftrue\r\n",
    "UTF-16, little-endian": b"\xff\xfe" + "true\r\n".encode("utf-16-le"),
    "UTF-16, big-endian": b"\xfe\xff" + "true\r\n".encode("utf-16-be"),
    "garbage after the word": b"true \xff\xfe\x00\x1b[31m\n",
    "the word, then a megabyte": b"true " + b"x" * 1_000_000,
}
NO = {
    "echo false": (b"false\n", "says false"),
    "upper case": (b"FALSE\r\n", "says false"),
    "zero": (b"0", "says 0"),
    "no": (b"no\n", "says no"),
    "off, dated": (b"off 2026-11-20T10:30:00Z\n", f"says off since {SINCE}"),
    "UTF-16": (b"\xff\xfe" + "false".encode("utf-16-le"), "says false"),
    "empty": (b"", "is empty"),
    "blank": (b" \r\n\t\n", "is empty"),
    "a mark alone": (b"\xef\xbb\xbf", "is empty"),
    "yes, which is no word of this file": (b"yes\n", "says neither true nor false"),
    "one": (b"1\n", "says neither true nor false"),
    "truefalse": (b"truefalse\n", "says neither true nor false"),
    "quoted": (b'"true"\n', "says neither true nor false"),
    "a key": (b"opt_in = true\n", "says neither true nor false"),
    "half a word": (b"tru", "says neither true nor false"),
    "NUL": (b"true\x00\n", "says neither true nor false"),
    "UTF-16 without a mark": ("true".encode("utf-16-le"), "says neither true nor false"),
    "UTF-16, half a character": (b"\xff\xfet\x00r\x00u\x00e", "says neither true nor false"),
    "full-width letters": ("\uff54\uff52\uff55\uff45\n".encode(), "says neither true nor false"),
    "binary": (bytes(range(256)), "says neither true nor false"),
    "a megabyte": (b"x" * 1_000_000, "says neither true nor false"),
    "true, as far as is looked": (b" " * 252 + b"truely", "says neither true nor false"),
    "a megabyte of blanks, then true": (b" " * 1_000_000 + b"true", "is empty"),
}


@pytest.mark.parametrize("content", YES.values(), ids=YES)
def test_a_yes(content: bytes, directory: Path) -> None:
    """The first word decides, however an editor or a shell wrote it."""
    (directory / "opt-in").write_bytes(content)
    decision = gate()
    assert (decision.enabled, decision.level, decision.source) == (True, "basic", str(directory / "opt-in"))
    assert decision.reason.startswith(f"{directory / 'opt-in'} says true")


def test_an_enhanced_yes(directory: Path) -> None:
    """`enhanced` is a yes to more."""
    (directory / "opt-in").write_bytes(b"Enhanced\r\n")
    assert (gate().enabled, gate().level) == (True, "enhanced")


@pytest.mark.parametrize("content", YES.values(), ids=YES)
def test_the_date_is_shown_only_if_it_is_one(content: bytes, directory: Path) -> None:
    """Of what follows the word, nothing but a date ever gets into a sentence."""
    (directory / "opt-in").write_bytes(content)
    dated = SINCE.encode() in content
    assert gate().reason == f"{directory / 'opt-in'} says true" + (f" since {SINCE}" if dated else "")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"true" + b" " * 252, "says true"),  # as much as is looked at, and the word ends before
        (b"true" + b" " * 300, "says true"),
        (b"true " + b"2" * 32, f"says true since {'2' * 32}"),
        (b"true " + b"2" * 33, "says true"),  # no date is as long
    ],
    ids=["to the end", "beyond", "a date", "too long for one"],
)
def test_the_ends_of_what_is_looked_at(content: bytes, says: str, directory: Path) -> None:
    """A word is whole where a blank follows it, and a date is short."""
    (directory / "opt-in").write_bytes(content)
    decision = gate()
    assert (decision.enabled, decision.reason) == (True, f"{directory / 'opt-in'} {says}")


@pytest.mark.parametrize(("content", "says"), NO.values(), ids=NO)
@pytest.mark.parametrize("marker", [False, True], ids=["", "marker"])
def test_a_no(content: bytes, says: str, marker: bool, directory: Path) -> None:
    """Anything but a clear yes is a no, which neither the marker nor a variable beats."""
    (directory / "opt-in").write_bytes(content)
    if marker:
        (directory / "enabled").touch()
    for more in ({}, {"MYTOOL_TELEMETRY_OPT_IN": "true"}):
        decision = gate(HOME=os.environ["HOME"], **more)
        assert (decision.enabled, decision.row, decision.source) == (False, "stored consent", str(directory / "opt-in"))
        assert decision.reason == f"{directory / 'opt-in'} {says}"


def test_no_file_is_no_answer(home: Path) -> None:
    """A missing file, directory or home says nothing: another yes counts."""
    (home / "file").touch()
    for where in (home, home / "missing", home / "file"):
        assert gate(HOME=str(where)).row == "default"
        assert gate(HOME=str(where), MYTOOL_TELEMETRY_OPT_IN="true").enabled
    assert os.listdir(home) == ["file"]  # looking made nothing


def test_the_marker_alone_is_a_yes(directory: Path) -> None:
    """A file `enabled`, whatever is in it, is a yes at the basic level."""
    for content in (b"", b"x", b"enhanced\n"):
        (directory / "enabled").write_bytes(content)
        decision = gate()
        assert (decision.enabled, decision.level) == (True, "basic")
        assert decision.reason == f"{directory / 'enabled'} is present"


@pytest.mark.parametrize("name", ["opt-in", "enabled"])
def test_what_cannot_be_read_is_a_no(name: str, directory: Path) -> None:
    """A loop of links at either name is a no, and the other file saying yes does not beat it."""
    (directory / "opt-in").write_text("true\n")
    (directory / "enabled").touch()
    (directory / name).unlink()
    (directory / name).symlink_to(name)
    decision = gate()
    assert (decision.enabled, decision.source) == (False, str(directory / name))
    assert decision.reason == f"{directory / name} cannot be read"


def test_a_directory_at_the_name(directory: Path) -> None:
    """A directory is no file that says yes."""
    (directory / "opt-in").mkdir()
    assert gate().reason == f"{directory / 'opt-in'} cannot be read"


@posix
@pytest.mark.timeout(10)
def test_a_fifo_at_the_name(directory: Path) -> None:
    """A FIFO is refused at once: nobody waits for a writer."""
    os.mkfifo(directory / "opt-in")
    assert gate().reason == f"{directory / 'opt-in'} cannot be read"
    assert not gate(HOME=os.environ["HOME"], MYTOOL_TELEMETRY_OPT_IN="true").enabled


def test_no_permission(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read is a no (for root, whom no mode stops, the refusal is injected)."""
    path = directory / "opt-in"
    path.write_text("true\n")
    path.chmod(0)
    opened = os.open

    def refuse(name: str, *more: int, **options: int) -> int:
        if name == str(path):
            raise PermissionError(13, "Permission denied", name)
        return opened(name, *more, **options)

    if os.access(path, os.R_OK):
        monkeypatch.setattr(os, "open", refuse)
    (directory / "enabled").touch()
    decision = gate(HOME=os.environ["HOME"], MYTOOL_TELEMETRY_OPT_IN="true")
    assert (decision.enabled, decision.reason) == (False, f"{path} cannot be read")


def test_a_link_to_a_file_of_ours(directory: Path, tmp_path: Path) -> None:
    """A configuration kept elsewhere and linked to is read like any other; a link to nothing is a no."""
    (directory / "opt-in").symlink_to(tmp_path / "dotfiles")
    (directory / "enabled").touch()
    decision = gate(HOME=os.environ["HOME"], MYTOOL_TELEMETRY_OPT_IN="true")
    assert (decision.enabled, decision.row) == (False, "stored consent")
    assert decision.reason == f"{directory / 'opt-in'} cannot be read"
    (directory / "enabled").unlink()
    (tmp_path / "dotfiles").write_text("true\n")
    assert gate().enabled
    (tmp_path / "dotfiles").write_text("false\n")
    assert gate().row == "stored consent"


@pytest.mark.parametrize("answer", ["true", "enhanced", "false"])
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o177])
def test_store_writes_private_files(answer: str, umask: int, home: Path) -> None:
    """The file is 0600 in directories of 0700 below the home, whatever the umask, with nothing left beside it."""
    before = os.umask(umask)
    try:
        store(names.Paths("mytool", {"HOME": str(home)}), answer, SINCE)
    finally:
        os.umask(before)
    path = home / ".mytool/telemetry/opt-in"
    assert path.read_text() == f"{answer} {SINCE}\n"
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700] or os.name == "nt"
    assert os.listdir(path.parent) == ["opt-in"]
    assert gate().enabled == (answer != "false")
    assert gate().level == ("enhanced" if answer == "enhanced" else "basic")


def test_store_replaces_a_link(directory: Path, tmp_path: Path) -> None:
    """A symbolic link at the name is replaced, never followed: what it points to stays as it was."""
    target = tmp_path / "target"
    target.write_text("theirs")
    (directory / "opt-in").symlink_to(target)
    store(names.Paths("mytool", dict(os.environ)), "true", SINCE)
    assert target.read_text() == "theirs"
    assert not (directory / "opt-in").is_symlink()
    assert gate().enabled


@pytest.mark.parametrize("step", ["write", "replace"])
def test_store_is_whole_or_not_at_all(step: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk refuses, the old answer stands, no temporary file is left, and the caller is told."""
    (directory / "opt-in").write_text("false\n")

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, refuse)
        with pytest.raises(OSError, match="No space"):
            store(names.Paths("mytool", dict(os.environ)), "true", SINCE)
    assert os.listdir(directory) == ["opt-in"]
    assert (directory / "opt-in").read_text() == "false\n"


def test_false_removes_the_marker(directory: Path) -> None:
    """A no takes the marker away, so that deleting `opt-in` later is no yes; a yes leaves it."""
    paths = names.Paths("mytool", dict(os.environ))
    (directory / "enabled").touch()
    store(paths, "true", SINCE)
    assert (directory / "enabled").exists()
    store(paths, "false", SINCE)
    assert os.listdir(directory) == ["opt-in"]
    store(paths, "false", SINCE)  # no marker is no error


def test_a_marker_that_cannot_be_removed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever said no is told that a yes still lies there."""
    (directory / "enabled").touch()

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    paths = names.Paths("mytool", dict(os.environ))
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        with pytest.raises(PermissionError, match="enabled"):
            store(paths, "false", SINCE)


def test_a_notice_is_kept_as_it_was_told(directory: Path) -> None:
    """A line for each thing that was said; a common field is not told again for every event."""
    paths = names.Paths("mytool", dict(os.environ))
    told = coverage.lines(Declaration({"search": {"a": "count"}, "track": {}}, fields={"n": "count"}), ["a.example"])
    for _ in range(2):
        note(paths, iter(told), SINCE)
        assert sorted(covered(paths, "notice")) == sorted(told)


@pytest.mark.parametrize("environ", [{}, {"HOME": "here"}, {"MYTOOL_TELEMETRY_DIR": "here"}])
def test_store_without_a_place(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a home nothing is written, least of all into the current directory."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"HOME is not|DIR is not"):
        store(names.Paths("mytool", environ), "true", SINCE)
    assert [name for name in os.listdir(tmp_path) if name != "home"] == []


def test_store_never_makes_the_home(tmp_path: Path) -> None:
    """A home that does not exist is not made."""
    with pytest.raises(FileNotFoundError):
        store(names.Paths("mytool", {"HOME": str(tmp_path / "missing")}), "true", SINCE)
    assert not (tmp_path / "missing").exists()


def test_a_renamed_file_is_the_one_that_counts(home: Path) -> None:
    """`files=` renames the consent file: written, read and named under its new name."""
    made = Recorder("mytool", files={"consent": "telemetry.opt-in"})
    made.lifted = ("test runner",)
    store(made.paths, "true", SINCE)
    assert made.decision.source == str(home / ".mytool/telemetry/telemetry.opt-in")
    assert made.decision.enabled


def test_a_touched_answer_has_another_signature(directory: Path) -> None:
    """Writing, changing and removing either file shows in the signature, and so does a notice; reading does not."""
    paths = names.Paths("mytool", dict(os.environ))
    seen = [consent.signature(paths)]
    for change in (
        lambda: store(paths, "true", SINCE),
        lambda: (directory / "enabled").touch(),
        lambda: (directory / "opt-in").write_text("false\n"),
        lambda: note(paths, ["search"], SINCE),
        lambda: note(paths, ["search", "search n number"], SINCE),
        lambda: (directory / "notice").unlink(),
        lambda: (directory / "enabled").unlink(),
        lambda: (directory / "opt-in").unlink(),
    ):
        change()
        gate()
        seen.append(consent.signature(paths))
    assert seen[6] == seen[3]
    del seen[6]
    assert seen[0] == seen[-1] == (None, None, None)
    assert len(set(seen[:-1])) == len(seen) - 1


@pytest.mark.parametrize("inner", [False, True], ids=["a field", "one within a field"])
def test_two_versions_in_turn_ask_by_lot_in_two_places(directory: Path, inner: bool) -> None:
    """Each was told of once, and each is covered from then on; another epsilon is neither, and is the last word."""

    def versions(epsilon: float) -> list[Declaration]:
        row: Any = {"x": Boolean(epsilon=epsilon)} if inner else Boolean(epsilon=epsilon)
        return [Declaration({"search": {}, "b": {}}, {"f": row}), Declaration({"search": {"f": row}, "b": {}})]

    paths, both = names.Paths("mytool", {"HOME": os.environ["HOME"]}), versions(1.0)
    for one in both:
        note(paths, coverage.lines(one, ["h"]), SINCE)
    for one in both:
        assert Agreement(covered(paths, "notice"), one).additions(["h"]) == []
    field = "f/x" if inner else "f"
    for one, more in zip(both, versions(2.0), strict=True):
        assert f"search.{field}" in Agreement(covered(paths, "notice"), more).additions(["h"])
        assert f"b.{field}" not in Agreement(covered(paths, "notice"), one).additions(["h"])
    note(paths, coverage.lines(versions(2.0)[1], ["h"]), SINCE)
    assert [Agreement(covered(paths, "notice"), one).additions(["h"]) for one in both] == [[f"search.{field}"]] * 2
