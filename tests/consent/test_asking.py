"""The rule who may be spoken to: a person at a terminal, and nobody who decided already, row by row."""

from typing import Any

import pytest

from discreet.consent import Facts, asking, environments

PERSON = {"HOME": "/home/ada", "TERM": "xterm-256color", "SHELL": "/bin/bash", "EDITOR": "vim", "TERM_PROGRAM": "zed"}


def may(environ: dict[str, str] | None = None, argv: tuple[str, ...] = (), mode: str = "opt-in", **facts: Any) -> bool:
    """What the rule says of a person who typed `mytool ARGV`, but for what is given here."""
    found = Facts("mytool", mode, {**PERSON, **(environ or {})})
    vars(found).update(facts)
    return asking.may_speak(found, ["mytool", *argv])


def example(rule: list[str]) -> dict[str, str]:
    """The smallest environment in which a rule of the tables holds."""
    return {name: value.replace("*", "x") or "1" for name, _, value in (each.partition("=") for each in rule)}


@pytest.mark.parametrize("argv", [(), ("search", "help"), ("-v", "telemetry"), ("run", "--", "--help"), ("--hel",)])
def test_a_person_may_be_spoken_to(argv: tuple[str, ...]) -> None:
    """Where nothing is decided and nothing stands against it, in every mode, and words further on mean no help."""
    assert may(argv=argv)
    assert may(argv=argv, mode="opt-out")


ROWS = [
    *environments.rows(environments.VENDORS),
    *environments.rows(environments.TEST_RUNNERS),
    *environments.rows(environments.AGENTS),
]


@pytest.mark.parametrize("rule", [rule for _, rule in ROWS], ids=" and ".join)
def test_no_machine_is_asked(rule: list[str]) -> None:
    """No CI system, test runner or coding agent of the tables."""
    assert not may(example(rule))


def test_lifted_rows_are_no_person() -> None:
    """Who lets CI be recorded, or tests their telemetry, is asked nothing all the same."""
    assert not may({"CI": "true", "MYTOOL_TELEMETRY_CI": "true"})
    assert not may({"GITHUB_ACTIONS": "true"}, lifted=("CI",))
    assert not may({"PYTEST_VERSION": "9"}, lifted=("test runner",))
    assert not may(unittest_running=True)


@pytest.mark.parametrize(
    "name", ["_ARGCOMPLETE", "COMP_LINE", "COMP_POINT", "COMP_CWORD", "_MYTOOL_COMPLETE", "_OTHER_TOOL_COMPLETE"]
)
def test_no_completion_is_asked(name: str) -> None:
    """A shell that wants completions, whoever made them."""
    assert not may({name: "bash_source"})


@pytest.mark.parametrize("value", ["", "dumb", "unknown", None])
def test_no_dumb_terminal_is_asked(value: str | None) -> None:
    """A terminal that can do nothing is mostly none."""
    environ = {name: text for name, text in PERSON.items() if name != "TERM"} | (
        {} if value is None else {"TERM": value}
    )
    assert not asking.may_speak(Facts("mytool", "opt-in", environ), ["mytool"])


@pytest.mark.parametrize("option", asking.OPTIONS)
def test_no_question_before_help(option: str) -> None:
    """Help and version are answered with nothing in front, wherever they are asked for before a `--`."""
    assert not may(argv=(option,))
    assert not may(argv=("search", "-x", option))
    assert may(argv=("run", "--", option))


@pytest.mark.parametrize("command", asking.COMMANDS)
def test_no_question_before_such_a_command(command: str) -> None:
    """Nor before a sub-command of that kind, nor in the way of somebody who types `mytool telemetry off`."""
    assert not may(argv=(command, "bash"))


@pytest.mark.parametrize(
    "decided",
    [
        {"mode": "off"},
        {"environ": {"DO_NOT_TRACK": "1"}},
        {"environ": {"DISABLE_TELEMETRY": "true"}},
        {"environ": {"MYTOOL_NO_TELEMETRY": "0"}},
        {"environ": {"MYTOOL_TELEMETRY_DISABLED": ""}},
        {"environ": {"MYTOOL_TELEMETRY_OPT_IN": "true"}},
        {"environ": {"MYTOOL_TELEMETRY_OPT_IN": "false"}},
        {"policy": (("/etc/mytool/telemetry", ("off", "says false")),)},
        {"settings": {"disable_telemetry": True}},
        {"home": "HOME is not set"},
        {"consent": ("on", "says true")},
        {"consent": ("off", "says false")},
        {"consent": ("off", "is empty")},
        {"marker": ("on", "is present")},
    ],
    ids=str,
)
def test_what_is_decided_is_not_asked(decided: dict[str, Any]) -> None:
    """Any row of the gate that says on or off; the default is no decision, nor is what decides nothing."""
    assert not may(**decided)
    assert may({"DO_NOT_TRACK": "0"}, settings={"disable_telemetry": False}, noticed=True, mode="opt-out")
