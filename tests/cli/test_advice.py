"""What `status` and `explain` advise where telemetry is off: all of it helps, and none of it is too much."""

import argparse
import contextlib
import itertools
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from discreet import Telemetry, cli, consent
from discreet.cli.session import Failure, Session
from discreet.testing import allow

OPT_IN, SAME = "MYTOOL_TELEMETRY_OPT_IN", "MYTOOL__TELEMETRY__OPT_IN"
VARIABLES: tuple[dict[str, str], ...] = (
    {}, {OPT_IN: "true"}, {OPT_IN: "false"}, {SAME: "no"}, {OPT_IN: "no", SAME: " "}, {OPT_IN: "yes", SAME: "no"}
)  # fmt: skip
SWITCHES: tuple[dict[str, str], ...] = (
    {"DO_NOT_TRACK": "1"},
    {"TELEMETRY_DISABLED": "1", "DISABLE_TELEMETRY": "1"},
    {"MYTOOL_NO_TELEMETRY": "1"},
    {"MYTOOL_TELEMETRY_DISABLED": "1"},
    {"MYTOOL_TELEMETRY_DISABLED": "1", "MYTOOL__TELEMETRY__DISABLE_TELEMETRY": "", "MYTOOL__TELEMETRY__DISABLED": "0"},
    {"TOX_ENV_NAME": "py"},
    {"CI": "true", "GITLAB_CI": "true"},
)
ANSWERS = ("", "true", "false", "garbage", "directory", "link")
MARKERS = ("", "file", "directory", "link")
# For the files; where it is to be another one, what they say is of no moment.
PLACES = ("well", "open", "unset", "relative", *(["foreign", "foreign, named"] if os.geteuid() == 0 else []))
MODES = ("opt-in", "opt-out", "told")
MANY = ("well", "open")  # the places where each answer is tried with each marker
STATUS = argparse.Namespace(json=False)


class Case(NamedTuple):
    """What says off, or on."""

    environ: dict[str, str] = {}  # noqa: RUF012  # never changed
    answer: str = ""
    marker: str = ""
    place: str = "well"
    policy: bool = False
    settings: bool = False


class World:
    """A tool of this mode in a fresh home, where all that a case says is so."""

    def __init__(self, scratch: Path, mode: str, case: Case) -> None:
        shutil.rmtree(scratch, ignore_errors=True)
        self.scratch, home = scratch, scratch / "home"
        place = home / ".mytool" / "telemetry"
        place.mkdir(parents=True)
        for name, what in (("opt-in", case.answer), ("enabled", case.marker)):
            if what == "directory":
                (place / name).mkdir()
            elif what == "link":
                (place / name).symlink_to(scratch / "nowhere")
            elif what:
                (place / name).write_text(what)
        if mode == "told":
            (place / "notice").write_text("2026-11-20T10:30:00Z 5f1c9a0b7d3e4f21\n")
        for tool in ("mytool", "discreet") if case.policy else ():
            (scratch / "etc" / tool).mkdir(parents=True)
            (scratch / "etc" / tool / "telemetry").write_text("false\n")
        if case.place == "open":
            place.chmod(0o777)
        elif "foreign" in case.place:
            os.chown(place, 12345, 12345)
        self.settings: dict[str, object] = {"disable_telemetry": True} if case.settings else {}
        self.telemetry = Telemetry("mytool", consent="opt-out" if mode == "told" else mode, settings=self.settings)
        self.telemetry.environ = {"HOME": "home" if case.place == "relative" else str(home), **case.environ}
        if case.place == "unset":
            del self.telemetry.environ["HOME"]
        elif case.place == "foreign, named":
            self.telemetry.environ["MYTOOL_TELEMETRY_DIR"] = str(place)
        self.session = Session(self.telemetry, "mytool telemetry")

    def do(self, step: str) -> None:
        """Do what is advised."""
        environ, (word, *words) = self.telemetry.environ, shlex.split(step)
        self.telemetry.located = None
        if word == "unset":
            for name in words:
                environ.pop(name, None)
        elif word == "export":
            environ.update(tuple(one.split("=")) for one in words)  # type: ignore[misc]  # two parts each
        elif step == "mytool telemetry on":
            with contextlib.suppress(Failure, IsADirectoryError):  # as long as there is no place for it
                cli.consent.on(self.session, argparse.Namespace(enhanced=False))
        elif word == "set":
            environ[words[0].strip(",")] = str(self.scratch / "another")
            (self.scratch / "another").mkdir()
        elif word == "chmod":
            Path(words[1]).chmod(0o700)
        elif word == "ask":
            shutil.rmtree(self.scratch / "etc")
        elif step == "remove disable_telemetry from the configuration of mytool":
            self.settings.clear()
        elif word == "remove":
            path = Path(words[0].strip(","))
            path.unlink() if path.is_symlink() else path.rmdir()
        else:
            assert step == "in a test of mytool itself use discreet.testing"
            allow(self.telemetry)


def advised(page: str) -> list[str]:
    """The steps of a page that says what to do."""
    steps = page.partition("To change that")[2].splitlines()
    return [steps[0].removeprefix(": ")] if steps[0].startswith(": ") else [step[2:] for step in steps[1:]]


def cases(mode: str, place: str) -> Iterator[Case]:
    """Each answer with each marker and each variable; the other switches one by one, and all of it together."""
    every = {name: value for switch in SWITCHES for name, value in switch.items()}
    files = (ANSWERS, MARKERS) if place in MANY else (ANSWERS[:3], MARKERS[:1])
    for environ in VARIABLES:
        for answer, marker in itertools.product(*files):
            yield Case(environ, answer, marker, place)
        for switch in SWITCHES if place == "well" else ():
            yield Case({**environ, **switch})
        yield Case({**environ, **every}, "directory", "directory", place, policy=True, settings=True)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the world of each case is, policies of its machine included."""
    monkeypatch.setattr(consent, "POLICY_ROOT", str(tmp_path / "scratch" / "etc"))
    return tmp_path / "scratch"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mode", MODES)
def test_what_is_advised_helps_and_is_no_more_than_that(
    scratch: Path, capsys: Any, size: Callable[[int, int], int], mode: str, place: str
) -> None:
    """Whatever is in the way: whoever does all that is advised, in its order, has it on; without any one step of it
    it is still off. Where there are many cases, each is ordinarily tried in one of the modes.
    """
    wrong, several = [], 0
    stride = size(len(MODES), 1) if place in MANY else 1
    for case in itertools.islice(cases(mode, place), MODES.index(mode) % stride, None, stride):
        world = World(scratch, mode, case)
        if world.session.decide().enabled:
            continue
        cli.consent.status(world.session, STATUS)
        steps = advised(capsys.readouterr().out)
        several += len(steps) > 1
        for left in (None, *range(len(steps))):
            world = World(scratch, mode, case)
            for at, step in enumerate(steps):
                if at != left:
                    world.do(step)
            if world.session.decide().enabled != (left is None):
                wrong.append((case, steps, "all of it" if left is None else f"without {steps[left]}"))
        capsys.readouterr()
    assert not wrong, "\n".join(map(str, wrong[:20]))
    assert several > 10
