"""The gate's rule: rows against rows, spelled as users spell them. The single cells are in test_gate_cells.py."""

import itertools
import random
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from consent.conftest import setting
from discreet import consent, names
from discreet.consent import Facts, decide, look

# The rows in the order of docs/privacy.md, written out: the code's own table is what is tested.
ORDER = (
    "code",
    "machine policy",
    "DO_NOT_TRACK",
    "no telemetry",
    "disable telemetry",
    "opt-in variable",
    "test runner",
    "CI",
    "settings",
    "home",
    "stored consent",
    "default",
)
OFF, ON, PASS = "x", "o", "."


class Choice(NamedTuple):
    """One thing that somebody set: which row answers what (nothing else does), and where it was set."""

    row: str
    verdict: str
    environ: Mapping[str, str] = MappingProxyType({})
    facts: Mapping[str, Any] = MappingProxyType({})  # attributes of `Facts`


def variables(row: str, answers: Mapping[str, str], *heads: str) -> list[Choice]:
    """A choice for each variable and each value of `answers` ({value: verdict})."""
    return [Choice(row, answers[value], {head: value}) for head in heads for value in answers]


# Per axis the choices, silence first. Mode is one axis of two rows: one value cannot answer both.
AXES: dict[str, list[Choice]] = {
    "mode": [
        Choice("default", PASS, facts={"mode": "opt-in"}),
        Choice("code", OFF, facts={"mode": "off"}),
        Choice("default", ON, facts={"mode": "opt-out", "noticed": True}),
        Choice("default", PASS, facts={"mode": "opt-out", "noticed": False}),
        Choice("default", PASS, facts={"mode": "local", "noticed": True}),
    ],
    "shared": [
        Choice("DO_NOT_TRACK", PASS),
        *variables("DO_NOT_TRACK", {"1": OFF, "0": PASS, "x": OFF, " FALSE ": PASS, "": PASS}, *names.SHARED_SWITCHES),
    ],
    "no": [
        Choice("no telemetry", PASS),
        *variables("no telemetry", {"1": OFF, "0": OFF, "": PASS, "false": OFF}, "MYTOOL_NO_TELEMETRY"),
    ],
    "disable": [
        Choice("disable telemetry", PASS),
        *variables(
            "disable telemetry", {"1": OFF, "false": PASS, "maybe": OFF, "": OFF}, *setting("DISABLE_TELEMETRY")
        ),
        *variables("disable telemetry", {"true": OFF, " No ": PASS}, *setting("DISABLED")),
    ],
    "opt in": [
        Choice("opt-in variable", PASS),
        *variables(
            "opt-in variable",
            {"true": ON, "false": OFF, "": PASS, "maybe": OFF, " ON ": ON, "enhanced": ON, "0": OFF},
            *setting("OPT_IN"),
        ),
        Choice("opt-in variable", OFF, dict(zip(setting("OPT_IN"), ("true", "false"), strict=True))),
        Choice("opt-in variable", OFF, dict(zip(setting("OPT_IN"), ("no", "enhanced"), strict=True))),
    ],
    "runner": [
        Choice("test runner", PASS),
        *variables("test runner", {"x": OFF, "0": PASS}, "PYTEST_CURRENT_TEST", "TOX_ENV_NAME", "NOX_CURRENT_SESSION"),
        Choice("test runner", OFF, facts={"unittest_running": True}),
    ],
    "CI": [
        Choice("CI", PASS),
        *variables("CI", {"true": OFF, "false": PASS}, "CI"),
        Choice("CI", OFF, {"GITHUB_ACTIONS": "true", "CI": "1"}),
        Choice("CI", PASS, {"GITHUB_ACTIONS": "true", "CI": "0"}),
        *(Choice("CI", PASS, {"CI": "true", name: "true"}) for name in setting("CI")),
        *(Choice("CI", OFF, {"CI": "true", name: "false"}) for name in setting("CI")),
    ],
    "settings": [
        Choice("settings", PASS),
        *(
            Choice("settings", verdict, facts={"settings": {"disable_telemetry": value, "opt_in": True}})
            for value, verdict in ((True, OFF), (False, PASS), ("maybe", OFF), (None, OFF), ("off", PASS))
        ),
    ],
}
FILES = {
    "policy": (
        "machine policy",
        ({}, PASS),
        ({"etc/mytool/telemetry": b"false\n"}, OFF),
        ({"etc/mytool/telemetry": b"true\n"}, PASS),
        ({"etc/discreet/telemetry": b"0"}, OFF),
        ({"etc/mytool/telemetry": b"yes", "etc/discreet/telemetry": b"garbage"}, OFF),
    ),
    "stored": (
        "stored consent",
        ({}, PASS),
        ({"opt-in": b"true\n"}, ON),
        ({"opt-in": b"false 2026-11-20T10:30:00Z\n"}, OFF),
        ({"enabled": b""}, ON),
        ({"opt-in": b"\xff\xfet\x00r\x00u\x00e\x00"}, ON),
        ({"opt-in": b""}, OFF),
        ({"opt-in": b"no\n", "enabled": b""}, OFF),
        ({"opt-in": b"enhanced\n", "enabled": b""}, ON),
    ),
}
HOMES: tuple[tuple[dict[str, str], str], ...] = (
    ({"HOME": "{home}"}, PASS),
    ({}, OFF),
    ({"HOME": ""}, OFF),
    ({"HOME": "{home}", "MYTOOL_TELEMETRY_DIR": "relative"}, OFF),
    ({"MYTOOL__TELEMETRY__DIR": "{home}/elsewhere"}, PASS),
)


def looked(top: Path, environ: dict[str, str], files: dict[str, bytes]) -> Facts:
    """What `look` finds where these files lie: those of `etc/` for the machine, the rest in the data directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(consent, "POLICY_ROOT", str(top / "etc"))
        home = top / "home"
        for name, content in files.items():
            path = top / name if name.startswith("etc/") else home / ".mytool/telemetry" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        home.mkdir(parents=True, exist_ok=True)
        environ = {name: value.format(home=home) for name, value in environ.items()}
        return look("mytool", "opt-in", environ, names.Paths("mytool", environ))


@pytest.fixture(scope="module")
def axes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Choice]]:
    """All axes: the pure ones, and those whose choices are files, read once by the code that reads them."""
    found = dict(AXES)
    attributes = {
        "policy": ("policy",),
        "stored": ("consent_path", "consent", "marker_path", "marker"),
    }
    for axis, (row, *cases) in FILES.items():
        found[axis] = []
        for files, verdict in cases:
            facts = looked(tmp_path_factory.mktemp(axis), {"HOME": "{home}"}, files)
            found[axis].append(Choice(row, verdict, facts={name: getattr(facts, name) for name in attributes[axis]}))
    found["home"] = []
    for environ, verdict in HOMES:
        facts = looked(tmp_path_factory.mktemp("home"), environ, {})
        found["home"].append(Choice("home", verdict, facts={"home": facts.home}))
    return found


def facts_of(*choices: Choice) -> Facts:
    """What the gate looks at where all of these were set."""
    environ: dict[str, str] = {}
    for choice in choices:
        environ |= choice.environ
    facts = Facts("mytool", "opt-in", environ)
    for choice in choices:
        vars(facts).update(choice.facts)
    return facts


def expected(choices: tuple[Choice, ...]) -> tuple[bool, str]:
    """The outcome and the row that decides: no loop over rows, but the least position of an off, else of an on."""
    place = ORDER.index
    offs = [place(choice.row) for choice in choices if choice.verdict == OFF]
    ons = [place(choice.row) for choice in choices if choice.verdict == ON]
    if offs:
        return False, ORDER[min(offs)]
    return (True, ORDER[min(ons)]) if ons else (False, "default")


def outcome(choices: tuple[Choice, ...]) -> tuple[bool, str]:
    """What the gate makes of them."""
    decision = decide(facts_of(*choices))
    return decision.enabled, decision.row


def test_the_table_is_in_order() -> None:
    """The rows are those of the design, in its order: the order decides which off is named."""
    assert consent.ROWS == ORDER


def test_each_choice_alone(axes: dict[str, list[Choice]]) -> None:
    """Every spelling of every row means what its row of the table says, beside nothing and beside a stored yes."""
    yes = next(choice for choice in axes["stored"] if choice.verdict == ON)
    for choices in axes.values():
        for choice in choices:
            assert outcome((choice,)) == expected((choice,)), choice
            beside = (choice,) if choice.row == "stored consent" else (yes, choice)
            assert outcome(beside) == expected(beside), choice


def test_row_against_row(axes: dict[str, list[Choice]]) -> None:
    """Any three choices of any three rows: no on beats an off, and the first in table order is named."""
    for three in itertools.combinations(axes.values(), 3):
        for choices in itertools.product(*three):
            assert outcome(choices) == expected(choices), choices


def test_every_combination(axes: dict[str, list[Choice]]) -> None:
    """All verdicts of every row with all verdicts of all others, each eight times in spellings drawn by lot."""
    dice = random.Random(20261120)
    alike = []
    for choices in axes.values():
        answers = sorted({(choice.row, choice.verdict) for choice in choices})
        alike.append([[each for each in choices if each[:2] == answer] for answer in answers])
    outcomes = set()
    for same in itertools.product(*alike):
        for _ in range(8):
            choices = tuple(map(dice.choice, same))
            assert outcome(choices) == expected(choices), choices
            outcomes.add(expected(choices))
    assert outcomes == {(False, row) for row in ORDER} | {(True, ORDER[5]), (True, ORDER[10]), (True, ORDER[11])}
