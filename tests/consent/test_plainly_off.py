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
    """Homes with every kind of stored answer, files `opt-in`, `enabled` and `notice`."""
    found = []
    for number, answers in enumerate(itertools.product(WORDS_ON_FILE, (None, b"", b"x"), (None, b"2026-11-20"))):
        directory = tmp_path / f"user{number}" / ".mytool" / "telemetry"
        directory.mkdir(parents=True)
        for name, content in zip(("opt-in", "enabled", "notice"), answers, strict=True):
            if content is not None:
                (directory / name).write_bytes(content)
        found.append(tmp_path / f"user{number}")
    return found


def recorder(environ: dict[str, str], *, posix: bool = True, **options: Any) -> Recorder:
    """A recorder that was made in this environment, which holds bytes on a POSIX system."""
    raw = {os.fsencode(name): os.fsencode(value) for name, value in environ.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", SimpleNamespace(_data=raw) if posix else environ)
        return Recorder("mytool", **options)


def situations(homes: list[Path], number: int) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Environments (with one of the homes) and options of the author's, drawn by lot from a fixed seed."""
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
        options: dict[str, Any] = {"consent": dice.choice(("opt-in", "opt-in", "local", "opt-out", "off"))}
        if dice.random() < 0.3:
            beside = dice.choice(homes)
            named = (
                "~/.mytool/telemetry",
                f"~/../{beside.name}/.mytool/telemetry",
                f"{beside}/.mytool/telemetry",
                f"{beside}/",
            )
            options["data_dir"] = dice.choice(named)
        if dice.random() < 0.1:
            options["files"] = dice.choice(({"consent": "enabled", "enabled": "opt-in"}, {"log": "log"}))
        yield environ, options


def test_it_agrees_with_the_gate(homes: list[Path]) -> None:
    """Where the cheap look says off, the gate says off: it may spare the gate, never overrule it."""
    plain = Counter[str]()
    for number, (environ, options) in enumerate(situations(homes, 30_000)):
        made = recorder(environ, posix=number % 2 == 0, **options)
        if made._plainly_off():
            decided = decide(facts_of(made))
            plain[decided.row] += 1
            assert not decided.enabled, (environ, options)
    # Or the test holds nothing together.
    assert min(plain[row] for row in ("DO_NOT_TRACK", "no telemetry", "stored consent", "default")) > 300, plain


def test_enabled_is_what_the_gate_decides(homes: list[Path]) -> None:
    """`enabled`, which takes the cheap look first, is the decision of the gate: on as well as off."""
    seen = set()
    for environ, options in situations(homes, 5000):
        wanted = decide(facts_of(recorder(environ, **options))).enabled
        assert recorder(environ, **options).enabled == wanted, (environ, options)
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


@pytest.mark.parametrize("mode", ["opt-in", "opt-out"])
def test_a_stored_no_is_plain_in_either_mode(home: Path, mode: str) -> None:
    """A no needs no gate, whatever the author takes for granted where nothing is said."""
    (home / ".mytool/telemetry").mkdir(parents=True)
    (home / ".mytool/telemetry/opt-in").write_text("false\n")
    assert recorder({"HOME": str(home)}, consent=mode)._plainly_off()


@pytest.mark.parametrize("variable", ["MY_TOOL_TELEMETRY_OPT_IN", "MY_TOOL__TELEMETRY__OPT_IN"])
def test_a_name_with_a_hyphen(home: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Its variables are found under the name that the gate knows them by."""
    monkeypatch.setattr(os, "environ", {"HOME": str(home), variable: "1"})
    assert Recorder("my-tool").enabled


def test_a_decision_stays(home: Path) -> None:
    """Decided once a process: what is erased or said later is noticed by the thread before it writes, not here."""
    (home / ".mytool/telemetry").mkdir(parents=True)
    answer = home / ".mytool/telemetry/opt-in"
    answer.write_text("true\n")
    made = recorder({"HOME": str(home)})
    assert made.decision.enabled
    answer.unlink()
    assert made.enabled


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO here")
def test_it_does_not_wait_for_a_pipe(home: Path, run_python: Any) -> None:
    """A FIFO in the place of the answer is no answer, and nobody waits until it has a writer."""
    (home / ".mytool/telemetry").mkdir(parents=True)
    os.mkfifo(home / ".mytool/telemetry/opt-in")
    assert run_python("import discreet\nprint(discreet.init('mytool').enabled)").stdout == "False\n"
