"""The administrator's word: `/etc/<tool>/telemetry` and `/etc/discreet/telemetry`, here below another root."""

import os
from pathlib import Path
from typing import Any

import pytest

from discreet import consent, names
from discreet.consent import decide, look


@pytest.mark.parametrize("owner", ["mytool", "discreet"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"false\n", "says false"),
        (b"OFF", "says off"),
        (b"0 2026-11-20\n", "says 0 since 2026-11-20"),
        (b"", "is empty"),
        (b"enabled: no", "says neither true nor false"),
        (b"\0\xff", "says neither true nor false"),
        (None, "cannot be read"),
    ],
)
def test_machine_policy_off(
    owner: str, content: bytes | None, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator's file, the tool's or everybody's, is a no unless it clearly says yes; None is a directory."""
    monkeypatch.setattr(consent, "POLICY_ROOT", str(tmp_path))
    path = tmp_path / owner / "telemetry"
    path.parent.mkdir()
    path.mkdir() if content is None else path.write_bytes(content)
    environ = {"MYTOOL_TELEMETRY_OPT_IN": "true", "HOME": str(tmp_path)}
    decision = decide(look("mytool", "opt-in", environ, names.Paths("mytool", environ)))
    assert (decision.enabled, decision.row, decision.source) == (False, "machine policy", str(path))
    assert decision.reason == f"the policy file {path} {says}"


@pytest.mark.parametrize("owner", ["mytool", "discreet"])
@pytest.mark.parametrize("there", ["a file", "a dead link", "a link to a file", "a dead link in it"])
def test_a_policy_that_cannot_be_reached(
    owner: str, there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in the place of the directory, and is none, may have led to a no; so it is one."""
    monkeypatch.setattr(consent, "POLICY_ROOT", str(tmp_path))
    directory = tmp_path / owner
    if there == "a file":
        directory.write_text("false\n")
    elif there == "a dead link in it":
        directory.mkdir()
        (directory / "telemetry").symlink_to(tmp_path / "unmounted")
    else:
        directory.symlink_to(tmp_path / "policy")
    if there == "a link to a file":
        (tmp_path / "policy").write_text("false\n")
    environ = {"MYTOOL_TELEMETRY_OPT_IN": "true", "HOME": str(tmp_path)}
    decision = decide(look("mytool", "opt-in", environ, names.Paths("mytool", environ)))
    assert (decision.enabled, decision.row) == (False, "machine policy")
    assert decision.reason == f"the policy file {directory / 'telemetry'} cannot be read"


def test_a_policy_that_is_not_there_costs_one_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no directory of policies, as nearly everywhere, one look besides the opening tells so."""
    monkeypatch.setattr(consent, "POLICY_ROOT", str(tmp_path))
    looked: list[str] = []

    def noting(real: Any) -> Any:
        return lambda path, *rest, **named: (looked.append(str(path)), real(path, *rest, **named))[1]

    for name in ("stat", "lstat"):
        monkeypatch.setattr(os, name, noting(getattr(os, name)))
    environ = {"MYTOOL_TELEMETRY_OPT_IN": "true", "HOME": str(tmp_path)}
    assert decide(look("mytool", "opt-in", environ, names.Paths("mytool", environ))).enabled
    directories = [str(tmp_path / "mytool"), str(tmp_path / "discreet")]
    assert [one for one in looked if one.startswith(tuple(directories))] == directories


def test_machine_policy_leaves_the_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that says true consents for nobody; a missing one, with or without its directory, says nothing."""
    monkeypatch.setattr(consent, "POLICY_ROOT", str(tmp_path))
    (tmp_path / "mytool").mkdir()
    (tmp_path / "mytool/telemetry").write_text("true\n")
    (tmp_path / "discreet").mkdir()
    for environ, enabled in (({}, False), ({"MYTOOL_TELEMETRY_OPT_IN": "true"}, True)):
        world = {"HOME": str(tmp_path), **environ}
        assert decide(look("mytool", "opt-in", world, names.Paths("mytool", world))).enabled == enabled


def test_the_first_no_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of the tool is named before the one for every tool; a yes in the first does not lift the second."""
    monkeypatch.setattr(consent, "POLICY_ROOT", str(tmp_path))
    for owner in ("mytool", "discreet"):
        (tmp_path / owner).mkdir()
        (tmp_path / owner / "telemetry").write_text("false\n")
    environ = {"HOME": str(tmp_path)}
    paths = names.Paths("mytool", environ)
    assert decide(look("mytool", "opt-in", environ, paths)).source == str(tmp_path / "mytool/telemetry")
    (tmp_path / "mytool" / "telemetry").write_text("true\n")
    assert decide(look("mytool", "opt-in", environ, paths)).source == str(tmp_path / "discreet/telemetry")


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps it elsewhere")
def test_where_it_lies() -> None:
    """It is a fixed place that only an administrator writes, whatever the environment says."""
    environ = {"HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere"}
    facts = look("mytool", "opt-in", environ, names.Paths("mytool", environ))
    assert [path for path, _ in facts.policy] == ["/etc/mytool/telemetry", "/etc/discreet/telemetry"]
