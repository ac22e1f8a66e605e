"""A place of the user's own: no home, another user's home, and directories that somebody named."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from consent.conftest import gate
from discreet import directories, names
from discreet.consent import decide, look, stored

STRANGER = 12345  # a user id that is nobody's here
root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives files to other users")
posix = pytest.mark.skipif(not hasattr(os, "chown"), reason="Windows has no owner of this kind")


@pytest.fixture
def disown(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Give a path to another user; where this needs a right that we lack, become another user instead."""

    def give(path: Path) -> None:
        try:
            os.chown(path, STRANGER, -1, follow_symlinks=False)
        except PermissionError:
            monkeypatch.setattr(names, "current_user", lambda: STRANGER)

    return give


@posix
@pytest.mark.parametrize("name", ["opt-in", "enabled", ".", "../..", "linked"])
def test_another_users_file(
    name: str, directory: Path, home: Path, tmp_path: Path, disown: Callable[[Path], None]
) -> None:
    """Another user's file, directory or home (as under `sudo`) is off, beside a yes of the environment too."""
    (directory / "opt-in").write_text("true\n")
    (directory / "enabled").touch()
    assert gate().enabled
    owned = directory / name
    if name == "linked":
        owned = tmp_path / "theirs"
        owned.write_text("true\n")
        (directory / "opt-in").unlink()
        (directory / "opt-in").symlink_to(owned)
    disown(owned)
    decision = gate(HOME=str(home), MYTOOL_TELEMETRY_OPT_IN="true")
    assert (decision.enabled, decision.row) == (False, "home")
    assert decision.reason.endswith("belongs to another user")
    assert str(home) in decision.reason


@posix
def test_another_users_notice_is_none(directory: Path, disown: Callable[[Path], None]) -> None:
    """In an opt-out tool a notice that somebody else saw was not shown to this user."""
    (directory / "notice").write_text("2026-11-20")
    assert gate("opt-out").enabled
    assert not gate("opt-in").enabled
    disown(directory / "notice")
    assert not gate("opt-out").enabled


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({}, "HOME is not set"),
        ({"HOME": ""}, "HOME is not set"),
        ({"HOME": "relative/home"}, "HOME is not an absolute path"),
        ({"HOME": "/root", "MYTOOL_TELEMETRY_DIR": "data"}, "MYTOOL_TELEMETRY_DIR is not an absolute path"),
        ({"HOME": "/root", "MYTOOL_TELEMETRY_DIR": "~/data"}, "MYTOOL_TELEMETRY_DIR is not an absolute path"),
        ({"MYTOOL__TELEMETRY__DIR": "."}, "MYTOOL__TELEMETRY__DIR is not an absolute path"),
    ],
)
def test_no_home(environ: dict[str, str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a place of the user's own it is off, and a yes that lies in the current directory is not even read."""
    monkeypatch.chdir(tmp_path)
    for where in (".mytool/telemetry", "relative/home/.mytool/telemetry", "data", "."):
        Path(where).mkdir(parents=True, exist_ok=True)
        Path(where, "opt-in").write_text("true\n")
    environ = {**environ, "MYTOOL_TELEMETRY_OPT_IN": "true"}
    decision = gate(**environ)
    assert (decision.enabled, decision.row, decision.reason) == (False, "home", reason)


def test_a_named_directory_needs_no_home(tmp_path: Path) -> None:
    """`MYTOOL_TELEMETRY_DIR`, in both spellings, or the author's `data_dir` stands in for a home."""
    (tmp_path / "opt-in").write_text("true\n")
    for name in ("MYTOOL_TELEMETRY_DIR", "MYTOOL__TELEMETRY__DIR"):
        assert gate(**{name: str(tmp_path)}).enabled
        assert gate(**{name: str(tmp_path), "HOME": "relative"}).enabled
    assert decide(look("mytool", "opt-in", {}, names.Paths("mytool", {}, str(tmp_path)))).enabled
    assert not decide(look("mytool", "opt-in", {}, names.Paths("mytool", {}, "~/data"))).enabled


@root
@pytest.mark.parametrize("made", [True, False], ids=["there", "not there"])
@pytest.mark.parametrize("spelled", ["{}", "{}/", "{}/.", "{}/../home", "/{}", "linked"])
def test_a_named_directory_in_another_users_home(
    made: bool, spelled: str, home: Path, tmp_path: Path, disown: Callable[[Path], None]
) -> None:
    """Under `sudo` the author's own directory in the caller's home is no place either, however it is spelled: it would
    lock them out.
    """
    directory = home / ".local" / "share" / "mytool"
    if made:
        directory.mkdir(parents=True)
    (tmp_path / "link").symlink_to(home)
    environ = {"HOME": spelled.format(home) if spelled != "linked" else str(tmp_path / "link")}
    environ["MYTOOL_TELEMETRY_OPT_IN"] = "true"
    paths = names.Paths("mytool", environ, str(directory))
    assert decide(look("mytool", "opt-in", environ, paths)).enabled
    disown(home)
    decision = decide(look("mytool", "opt-in", environ, paths))
    assert (decision.enabled, decision.row) == (False, "home")


@root
def test_a_named_directory_beside_another_users_home(
    home: Path, tmp_path: Path, disown: Callable[[Path], None]
) -> None:
    """Under `sudo` a directory of root's own that lies elsewhere is a place: it locks nobody out."""
    environ = {"HOME": str(home), "MYTOOL_TELEMETRY_OPT_IN": "true"}
    disown(home)
    for beside in (tmp_path / "volume", tmp_path / "home-of-others"):  # the second begins as the home does
        beside.mkdir()
        assert decide(look("mytool", "opt-in", environ, names.Paths("mytool", environ, str(beside)))).enabled


@pytest.mark.parametrize(
    ("whose", "named", "within"),
    [
        ("/", "/data", True),
        ("{}/home", "{}/home/data", True),
        ("{}/home/", "{}/home/data", True),
        ("{}/home", "{}/link/data", True),  # a link into the home
        ("{}/home", "{}/home", False),
        ("{}/home", "{}/homes/data", False),
        ("{}/home", "{}/data", False),
    ],
)
def test_what_lies_in_the_home(whose: str, named: str, within: bool, home: Path, tmp_path: Path) -> None:
    """By where both lead, not by how they are spelled."""
    (tmp_path / "link").symlink_to(home)
    paths = names.Paths("mytool", {"HOME": whose.format(tmp_path)}, named.format(tmp_path))
    assert paths.in_the_home() is within


@root
def test_whose_a_link_is(tmp_path: Path, disown: Callable[[Path], None]) -> None:
    """Root may link to a user's directory; nobody else may choose where a user's files go, however it is spelled."""
    mine, link = tmp_path / "mine", tmp_path / "link"
    mine.mkdir(mode=0o700)
    disown(mine)
    link.symlink_to(mine)
    assert names.not_ours(str(link), STRANGER) == names.not_ours(f"{link}/", STRANGER) == ""
    os.chown(link, STRANGER + 1, -1, follow_symlinks=False)
    assert names.not_ours(str(link), STRANGER) == names.not_ours(f"{link}/", STRANGER) == names.FOREIGN


@root
def test_a_named_directory_that_root_would_make(tmp_path: Path, disown: Callable[[Path], None]) -> None:
    """A directory that root would make in another user's is no place; in one of root's it is."""
    environ = {"HOME": "/", "MYTOOL_TELEMETRY_OPT_IN": "true"}
    paths = names.Paths("mytool", environ, str(tmp_path / "a" / "b"))
    assert decide(look("mytool", "opt-in", environ, paths)).enabled
    disown(tmp_path)
    assert decide(look("mytool", "opt-in", environ, paths)).row == "home"
    assert names.of_others("/nowhere/at/all", 0) == names.of_others("", 0) == ""


@root
@pytest.mark.parametrize("made", [True, False], ids=["there", "not there"])
def test_a_named_directory_of_who_is_not_root(
    made: bool, tmp_path: Path, disown: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory of the user's own, or one to be made where their group may, is a place in whosever home it lies."""
    disown(tmp_path)
    directory = tmp_path / "volume"
    if made:
        directory.mkdir()
        os.chown(directory, STRANGER + 1, -1)
    monkeypatch.setattr(names, "current_user", lambda: STRANGER + 1)
    environ = {"HOME": str(tmp_path), "MYTOOL_TELEMETRY_OPT_IN": "true"}
    assert decide(look("mytool", "opt-in", environ, names.Paths("mytool", environ, str(directory)))).enabled


def test_a_directory_named_enabled_is_no_yes(directory: Path) -> None:
    """The marker is a file: anything else there is a doubt, and a no can be stored beside it."""
    (directory / "enabled").mkdir()
    decision = gate()
    assert (decision.enabled, decision.reason) == (False, f"{directory / 'enabled'} cannot be read")
    stored.store(names.Paths("mytool", {"HOME": os.environ["HOME"]}), "false", "2026-11-20T10:30:00Z")
    assert (directory / "opt-in").read_text() == "false 2026-11-20T10:30:00Z\n"


def test_a_marker_that_leads_nowhere(directory: Path, home: Path, tmp_path: Path) -> None:
    """A link to nothing may lead to a no tomorrow: it is off, beside a yes of the environment too."""
    (directory / "enabled").symlink_to(tmp_path / "dotfiles")
    decision = gate(HOME=str(home), MYTOOL_TELEMETRY_OPT_IN="true")
    assert (decision.enabled, decision.reason) == (False, f"{directory / 'enabled'} cannot be read")
    (tmp_path / "dotfiles").touch()
    assert gate().enabled


@pytest.mark.parametrize("end", ["", "/", "//", "/."])
def test_a_home_is_neither_made_nor_removed(tmp_path: Path, end: str) -> None:
    """However its path ends: one that is missing stays so, and an empty one stays when all that was below it goes."""
    home = tmp_path / "homes" / "mine"
    paths = names.Paths("mytool", {"HOME": f"{home}{end}"})
    home.parent.mkdir()
    with pytest.raises(FileNotFoundError):
        directories.make_directory(paths.directory, below=paths.below)
    assert list(home.parent.iterdir()) == []
    home.mkdir()
    directories.make_directory(paths.directory, below=paths.below)
    assert (home / ".mytool" / "telemetry").is_dir()
    directories.remove_empty_directories(paths.directory, below=paths.below)
    assert list(home.parent.iterdir()) == [home]
    assert list(home.iterdir()) == []
