"""The doors: which modules a process has loaded when it has imported the package, tracked while off, tracked while on.

Modules that cost a command milliseconds are behind a door that most processes never open.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import discreet
from discreet import names
from discreet.sending import flags

SOURCE = Path(discreet.__file__).parent
HEAVY = """
    argparse asyncio collections concurrent.futures contextlib dataclasses datetime email enum functools hashlib
    http.client inspect json logging pathlib pickle queue random re shutil socket ssl string subprocess tempfile
    threading tomllib traceback typing urllib uuid warnings weakref
"""
MOST_AT_IMPORT = 8  # of ours
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import os
before = set(sys.modules)
import discreet
{program}
print(*sorted(set(sys.modules) - before))
"""
IMPORT = "discreet discreet.telemetry"
NAMED = f"{IMPORT} discreet.names"  # where anything but the common case is
ENABLED = f"{NAMED} discreet.consent discreet.privacy discreet.sending discreet.log"
HANDOVER = "discreet.destination discreet.sending.courier discreet.sending.handover"
FIRST = "discreet.first discreet.files"
SMALL = "discreet.files discreet.directories"
DECLARED = "discreet.privacy.declaration discreet.privacy.conversions discreet.privacy.rows"
LOT = "discreet.privacy.numbers discreet.privacy.randomized"
# What a program does, and all of our modules that it loads then.
DOORS = {
    "import": ("", IMPORT),
    "never asked": ("discreet.init('never')\ndiscreet.track('search', n=1)", IMPORT),
    "never asked, a destination": (
        "discreet.init('never', destination='http://127.0.0.1:9/t')\ndiscreet.track('search', n=1)",
        f"{IMPORT} discreet.destination",
    ),
    "never asked, declared": (
        (
            "discreet.init('never', events={'search': {'fields': {'n': 'count', 'fmt': {'one_of': ['json']}}}})\n"
            "discreet.track('search', n=[1])"
        ),
        f"{IMPORT} discreet.declared",
    ),
    "never asked, declared by a class": (
        (
            "class Search(discreet.Event):\n    n = discreet.Count()\n"
            "discreet.init('never', events=[Search])\ndiscreet.track(Search(n=[1]))"
        ),
        f"{NAMED} discreet.declared discreet.privacy discreet.privacy.event discreet.privacy.conversions",
    ),
    "never asked, command": (
        "with discreet.init('never').command('run'):\n    pass",
        f"{IMPORT} discreet.hosts",
    ),
    "never asked, session": (
        "with discreet.init('never').session() as session:\n    session.count('n')",
        f"{NAMED} discreet.hosts discreet.hosts.session",
    ),
    "on": ("discreet.init('mytool')\ndiscreet.track('search', n=1)\nassert discreet.flush(10.0)", ENABLED),
    "on, command": (
        "with discreet.init('mytool').command('run') as scope:\n    scope.add(n=1)\nassert discreet.close(10.0)",
        f"{ENABLED} discreet.hosts",
    ),
    "on, session": (
        (
            "with discreet.init('mytool').session(60) as session:\n    session.count('n')\n"
            "    session.observe('ms', 1)\nassert discreet.close(10.0)"
        ),
        f"{ENABLED} discreet.hosts discreet.hosts.session",
    ),
    "on, declared": (
        "discreet.init('mytool', fields={'n': 'count'})\ndiscreet.track('search', n=[1])\nassert discreet.close(10.0)",
        f"{ENABLED} {DECLARED}",
    ),
    "on, by lot": (
        (
            "discreet.init('mytool', fields={'n': {'boolean': {'epsilon': 1.0}}})\n"
            "discreet.track('search', n=1)\nassert discreet.close(10.0)"
        ),
        f"{ENABLED} {DECLARED} {LOT} discreet.sending.installation {SMALL}",
    ),
    "on, sampled": (
        (
            "discreet.init('mytool', events={'search': {'fields': {}, 'sample': 1}, 'open': {}})\n"
            "discreet.track('search')\ndiscreet.track('open')\nassert discreet.close(10.0)"
        ),
        f"{ENABLED} {DECLARED} discreet.privacy.sampling",
    ),
    "on, the first run": (
        (
            "os.unlink(os.environ['HOME'] + '/.mytool/telemetry/delivery.json')\n"
            "discreet.init('mytool')\ndiscreet.track('search', n=1)\nassert discreet.close(10.0)"
        ),
        f"{ENABLED} {FIRST}",
    ),
    "on, the first run, declared": (
        (
            "os.unlink(os.environ['HOME'] + '/.mytool/telemetry/delivery.json')\n"
            "fmt = 'a \"b\" \u00e9'\ndiscreet.init('mytool', fields={'fmt': {'one_of': [fmt]}})\n"
            "discreet.track('search', fmt=fmt)\nassert discreet.close(10.0)"
        ),
        f"{ENABLED} {DECLARED} {FIRST} discreet.privacy.coverage discreet.privacy.spelled",
    ),
    "on, handed over": (
        (
            "discreet.init('mytool', destination='http://127.0.0.1:9/t')\n"
            "from discreet.sending import handover\nhandover._spawn = lambda *_: None\n"
            "discreet.track('search', n=1)\nassert discreet.close(10.0)"
        ),
        f"{ENABLED} {HANDOVER}",
    ),
    "on, in CI": (
        "os.environ['CI'] = '1'\ndiscreet.init('mytool').enabled",
        f"{NAMED} discreet.consent discreet.consent.environments",
    ),
    "never asked, a flag": (
        "assert discreet.init('never').flag('new-ui', 5) == 5",
        f"{NAMED} discreet.hosts discreet.hosts.flags",
    ),
    "on, a flag": (
        "assert discreet.init('mytool').flag('new-ui') == 'test'",
        f"{ENABLED} discreet.hosts discreet.hosts.flags discreet.sending.flags discreet.files",
    ),
    "on, a rollout": (
        "assert discreet.init('mytool').flag('new-ui', rollout=1)",
        f"{ENABLED} discreet.hosts discreet.hosts.flags discreet.sending.installation {SMALL}",
    ),
}
LOSS = "discreet.init('mytool')\ndiscreet.track('search', text='dropped')\nassert discreet.close(10.0)"
LOST = f"{ENABLED} discreet.sending.losses {SMALL}"
TOLD = "discreet: dropped field text of event search: undeclared_value\n"


@pytest.fixture
def loaded(home: Path, tmp_path: Path) -> Any:
    """Run a program in a fresh interpreter that has loaded nothing else; the modules that it loaded."""
    directory = home / ".mytool" / "telemetry"
    directory.mkdir(parents=True)
    (directory / "opt-in").write_text("true\n")
    cache = flags.Cache()
    cache.fetched, cache.values = int(time.time()), {"new-ui": '"test"'}
    flags.save(names.Paths("mytool", {}, str(directory)), cache)

    def run(program: str, told: str = "", **variables: str) -> set[str]:
        script = tmp_path / "program.py"
        script.write_text(PROGRAM.format(program=program))
        result = subprocess.run(
            [sys.executable, "-I", "-S", str(script), str(SOURCE.parent)],
            env={"HOME": str(home), "DISCREET_DEBUG": "1", **variables},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stderr == told
        return set(result.stdout.split())

    return run


@pytest.mark.parametrize("door", DOORS)
def test_doors(loaded: Any, door: str) -> None:
    """Each program loads exactly the rooms of its row, and no heavy module of the standard library."""
    program, rooms = DOORS[door]
    if "first" not in door:
        loaded(program)  # a first run under a consent notes what it discloses
    else:
        loaded(DOORS["on"][0])
    found = loaded(program)
    assert found & set(HEAVY.split()) == set()
    ours = {name for name in found if name.partition(".")[0] == "discreet"}
    assert ours == set(rooms.split())


@pytest.mark.parametrize(
    ("debug", "told", "rooms"), [("", "", LOST), ("1", TOLD, f"{LOST} discreet.privacy.debug")], ids=["lost", "told"]
)
def test_a_loss(loaded: Any, debug: str, told: str, rooms: str) -> None:
    """What was dropped loads the room that counts it, and only under `DISCREET_DEBUG=1` the one that tells of it."""
    loaded(LOSS, told, DISCREET_DEBUG=debug)  # a first run under a consent notes what it discloses
    found = loaded(LOSS, told, DISCREET_DEBUG=debug)
    assert found & set(HEAVY.split()) == set()
    assert {name for name in found if name.partition(".")[0] == "discreet"} == set(rooms.split())


def test_the_budget_of_the_import(loaded: Any) -> None:
    """`import discreet` loads at most eight modules of ours, and of the standard library only built-in ones."""
    found = loaded("")
    assert len([name for name in found if name.partition(".")[0] == "discreet"]) <= MOST_AT_IMPORT
    others = {name for name in found if name.partition(".")[0] != "discreet"}
    assert others <= set(sys.builtin_module_names)


@pytest.mark.parametrize(
    ("variables", "rooms"),
    [
        ({"DO_NOT_TRACK": "1"}, IMPORT),
        ({"MYTOOL_NO_TELEMETRY": "1"}, IMPORT),
        ({"TELEMETRY_DISABLED": "true"}, IMPORT),
        ({"DO_NOT_TRACK": "on"}, IMPORT),
        ({"DO_NOT_TRACK": "YES"}, f"{NAMED} discreet.consent"),
    ],
    ids=str,
)
@pytest.mark.parametrize("option", ["", ", data_dir=os.environ['HOME'] + '/.mytool/telemetry'"])
def test_a_plain_no_opens_no_door(loaded: Any, variables: dict[str, str], rooms: str, option: str) -> None:
    """A user who agreed once and says no for this run pays no more than one who was never asked."""
    program = f"discreet.init('mytool'{option})\ndiscreet.track('search', n=1)"
    assert {name for name in loaded(program, **variables) if name.startswith("discreet")} == set(rooms.split())


@pytest.mark.parametrize("place", ["", "~/.elsewhere"])
def test_a_stored_no_opens_no_door(loaded: Any, home: Path, place: str) -> None:
    """What was refused once is paid for no more than what nobody was asked."""
    directory = home / (place[2:] or ".mytool/telemetry")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "opt-in").write_text("false\n")
    program = f"discreet.init('mytool', data_dir={place or None!r})\ndiscreet.track('search', n=1)"
    assert {name for name in loaded(program) if name.startswith("discreet")} == set(IMPORT.split())
