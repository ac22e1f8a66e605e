"""The cheap look that spares most disabled processes the gate: it may only ever agree with it."""

import itertools
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from discreet import names, telemetry
from discreet.consent import decide
from discreet.telemetry import Recorder, facts_of

SWITCHES = ("DO_NOT_TRACK", "TELEMETRY_DISABLED", "DISABLE_TELEMETRY", "MYTOOL_NO_TELEMETRY")
SETTINGS = [
    f"MYTOOL{head}{key}"
    for head in ("_TELEMETRY_", "__TELEMETRY__")
    for key in ("OPT_IN", "DISABLE_TELEMETRY", "DISABLED", "ENHANCED", "CI")
]
MACHINE = ("CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST", "TOX_ENV_NAME")
WORDS = ("", " ", "0", "1", "true", "TRUE", "false", " FALSE ", "no", "off", "on", "x", "enhanced")
WORDS_ON_FILE = (
    None,
    b"true",
    b"TRUE\n",
    b"false",
    b"FALSE\n",
    b"falsehood",
    b" false",
    b"",
    b"x",
    b"\xef\xbb\xbftrue",
)


@pytest.fixture
def homes(tmp_path: Path) -> list[Path]:
    """Homes with every kind of stored answer, files `opt-in` and `enabled`."""
    found = []
    for number, answers in enumerate(itertools.product(WORDS_ON_FILE, (None, b"", b"x"))):
        directory = tmp_path / f"user{number}" / ".mytool" / "telemetry"
        directory.mkdir(parents=True)
        for name, content in zip(("opt-in", "enabled"), answers, strict=True):
            if content is not None:
                (directory / name).write_bytes(content)
        found.append(tmp_path / f"user{number}")
    return found


def recorder(environ: dict[str, str], mode: str = "opt-in", *, posix: bool = True) -> Recorder:
    """A recorder that was made in this environment, which holds bytes on a POSIX system."""
    raw = {os.fsencode(name): os.fsencode(value) for name, value in environ.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", SimpleNamespace(_data=raw) if posix else environ)
        return Recorder("mytool", consent=mode)


def situations(homes: list[Path], number: int) -> Iterator[tuple[dict[str, str], str]]:
    """Environments (with one of the homes) and modes, drawn by lot from a fixed seed."""
    dice = random.Random(20261120)
    for _ in range(number):
        home = dice.choice(homes)
        names = dice.sample((*SWITCHES, *SETTINGS, *MACHINE), dice.choice((0, 0, 1, 1, 2, 3)))
        environ = {"HOME": str(home), **{name: dice.choice(WORDS) for name in names}}
        if dice.random() < 0.1:
            environ["HOME"] = dice.choice(("", "relative", str(home / "missing"), "/dev/null"))
        if dice.random() < 0.1:
            directory = dice.choice((str(home / ".mytool/telemetry"), "relative", ""))
            environ[dice.choice(("MYTOOL_TELEMETRY_DIR", "MYTOOL__TELEMETRY__DIR"))] = directory
        yield environ, dice.choice(("opt-in", "opt-in", "local", "opt-out", "off"))


def test_it_agrees_with_the_gate(homes: list[Path]) -> None:
    """Where the cheap look says off, the gate says off: it may spare the gate, never overrule it."""
    plain = Counter[str]()
    for number, (environ, mode) in enumerate(situations(homes, 30_000)):
        made = recorder(environ, mode, posix=number % 2 == 0)
        silent = made._silent()
        if silent or made._plainly_off():
            plain["silent" if silent else "plain"] += 1
            assert not decide(facts_of(made)).enabled, (environ, mode)
    assert min(plain.values()) > 500, plain  # or the test holds nothing together


def test_enabled_is_what_the_gate_decides(homes: list[Path]) -> None:
    """`enabled`, which takes the cheap look first, is the decision of the gate: on as well as off."""
    seen = set()
    for environ, mode in situations(homes, 2000):
        wanted = decide(facts_of(recorder(environ, mode))).enabled
        assert recorder(environ, mode).enabled == wanted, (environ, mode)
        seen.add(wanted)
    assert seen == {True, False}


@pytest.mark.parametrize("content", [None, b"false\n", b"true\n"], ids=repr)
@pytest.mark.parametrize("switch", [None, *SWITCHES])
def test_it_sees_what_is_plain(
    content: bytes | None, switch: str | None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The common kinds of off never enter the gate: no file says yes, the file says no, a switch is set."""
    if content is not None:
        (home / ".mytool/telemetry").mkdir(parents=True)
        (home / ".mytool/telemetry/opt-in").write_bytes(content)
    entered = []

    def facts(made: Recorder) -> Any:
        entered.append(made)
        return facts_of(made)

    monkeypatch.setattr(telemetry, "facts_of", facts)
    made = recorder({"HOME": str(home), **({switch: "1"} if switch else {})})
    assert made.enabled == bool(entered) == (content == b"true\n" and switch is None)


def test_it_does_not_read_the_marker(home: Path) -> None:
    """`echo false > enabled` is a marker all the same: the cheap look leaves it to the gate."""
    (home / ".mytool/telemetry").mkdir(parents=True)
    (home / ".mytool/telemetry/enabled").write_text("false\n")
    made = recorder({"HOME": str(home)})
    assert decide(facts_of(made)).enabled
    assert not made._plainly_off()


def test_it_looks_where_the_files_are(home: Path) -> None:
    """Whoever moves the files, as `--data-dir` does, moves the look with them."""
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "opt-in").write_text("true\n")
    made = recorder({"HOME": str(home)})
    made.located = names.Paths("mytool", {}, str(elsewhere))
    assert made.enabled
