"""Every call of a host's telemetry to the file system, failing in every way, one at a time.

What must hold each time: the host's output, errors and exit status are those of the same program without telemetry;
nothing but the tool's own directory is touched; each event is on the log, once, or counted; no line is merged with
another; and the next run, on a disk that is well again, records.
"""

import ast
import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import discreet
from discreet.files import unfinished
from faults.disk import CALLS, SHORT, Fault, chosen
from faults.forked import Home, Programs, Run, numbers
from faults.zygote import FILE_BYTES

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="forks, and counts its descriptors")

PACKAGE = Path(discreet.__file__).parent
# What of `os` touches no file of the package's: names, processes, the host's own streams, and the child's farewell.
WITHOUT_DISK = {
    "PathLike", "chdir", "closerange", "devnull", "dup2", "environ", "execve", "fsdecode", "fsencode", "fspath",
    "get_exec_path", "getegid", "geteuid", "getgid", "getpgid", "getpgrp", "getpid", "getsid", "getuid", "isatty",
    "memfd_create", "pwrite", "name", "nice", "path", "pathsep", "register_at_fork", "sep", "set_inheritable", "setsid",
    "kill", "stat_result", "waitid",
    "tcgetpgrp", "urandom", "waitpid", "waitstatus_to_exitcode", "abspath", "basename", "dirname", "isabs", "join",
    "samestat", "split", "strerror",
}  # fmt: skip
BY_STAT = {
    "exists",
    "getsize",
    "isdir",
    "isfile",
    "islink",
    "lexists",
    "realpath",
    "samefile",
}  # of `os.path`: by the calls of `os`
LOCKS = ("flock", "LOCK_EX", "LOCK_NB", "LOCK_SH", "LOCK_UN")
MOVES = ("fcntl", "F_DUPFD")  # made only in a host that has closed its streams; refused in tests/test_files.py
BY_THEMSELVES = {"dbm", "fileinput", "glob", "linecache", "mmap", "pathlib", "shelve", "sqlite3", "tempfile"}
SORE = ("replace usage.1.jsonl", "stat opt-in", "lstat usage.jsonl", "open delivery.json")
HOST = """
import sys
base, telemetry = int(sys.argv[1]), None
print("to stdout, \N{SNOWMAN}")
print("to stderr", file=sys.stderr)
{body}
print("the end")
sys.exit(3)
"""
BARE = HOST.format(body="")
INIT = "import discreet\ntelemetry = discreet.init('mytool', version='1.0', {options})\n"
JSON = "destination=discreet.Destination('http://127.0.0.1:9/t', batch_size=1, batch_interval=0)"
POSTHOG = "destination=discreet.Destination.posthog('phc_key', host='https://127.0.0.1:9')"


class Scene(NamedTuple):
    """A program, and the home in which it runs. `events` are the numbers, from its first argument on, it records."""

    options: str
    body: str
    events: int
    prepare: Callable[[Home, Programs], object] = lambda home, programs: home.agree()
    env: dict[str, str] = {}  # noqa: RUF012  # never changed

    @property
    def program(self) -> str:
        """The text."""
        return HOST.format(body=INIT.format(options=self.options) + self.body)


def prepare_log(home: Home, programs: Programs) -> None:
    """A log of two files, the newer of which is full."""
    home.agree()
    programs.run(PLAIN.program, home, "1000")
    record = home.lines()[0][0]
    for name, start in (("usage.1.jsonl", 1100), ("usage.jsonl", 1200)):
        many = [{**record, "id": f"{n:036}", "properties": {"n": n}} for n in range(start, start + 20)]
        lines = "".join(f"{json.dumps(one, separators=(',', ':'))}\n" for one in many)
        assert len(lines) > FILE_BYTES
        (home.directory / name).write_text(lines)


def prepare_losses(home: Home, programs: Programs) -> None:
    """Losses of an earlier run."""
    home.agree()
    programs.run(LOSSES.program, home, "1000")
    assert home.losses()


def prepare_delivery(home: Home, programs: Programs) -> None:
    """A home in which something was delivered, and something waits."""
    home.agree()
    programs.run(HANDOVER.program, home, "1000")
    flush = HOST.format(body=INIT.format(options=HANDOVER.options) + "sys.exit(telemetry.main(['flush']))")
    assert programs.run(flush, home, "0").status == 0
    assert {"delivery.json", "lock", "receipts.jsonl"} <= {path.name for path in home.directory.iterdir()}


def prepare_flags(home: Home, programs: Programs) -> None:
    """A salt, and an answer about flags."""
    home.agree()
    (home.directory / "flags.json").write_text(
        '{"v":1,"from":"0011223344556677","fetched":1795000000,"due":1795003600,"failures":0,"flags":{\n'
        '"new-ui":true\n},"payloads":{\n\n}}\n'
    )


def prepare_old(home: Home, programs: Programs) -> None:
    """A log that nobody has written to for a while, and files older than a year."""
    home.agree()
    programs.run(PLAIN.program, home, "1000")
    for name in ("usage.2.jsonl", "usage.3.jsonl"):
        (home.directory / name).write_bytes(b'{"old":1}\n')
    for name, days in (("usage.jsonl", 1), ("usage.2.jsonl", 400), ("usage.3.jsonl", 500)):
        then = time.time() - days * 86_400
        os.utime(home.directory / name, (then, then))


def prepare_notice(home: Home, programs: Programs) -> None:
    """An opt-out tool whose notice was shown."""
    home.directory.mkdir()
    (home.directory / "notice").write_text("2026-11-20T10:30:00Z 5f1c9a0b7d3e4f21\n")


PLAIN = Scene(
    "",
    """
discreet.track("search", n=base)
telemetry.flush(30)
discreet.track("search", n=base + 1)
with telemetry.command("import", n=base + 2):
    pass
telemetry.flush(30)

@telemetry.command("export", n=base + 3)
def export():
    return 1

export()
telemetry.flush(30)
with telemetry.session(n=base + 4) as session:
    session.count("searches")
telemetry.close()
discreet.track("search", n=base + 5)
""",
    6,
)
ROTATION = Scene(
    "",
    """
for number in range(base, base + 2):
    discreet.track("search", n=number)
    telemetry.flush(30)
""",
    2,
    prepare=prepare_log,
)
LOSSES = Scene(
    "",
    """
discreet.track("search", n=base)
telemetry.flush(30)
discreet.track("Not a name")
discreet.track("search", n=base + 1, text="not declared")
telemetry.flush(30)
discreet.track("search", n=base + 2, text="not declared")
""",
    3,
)
HANDOVER = Scene(JSON, 'discreet.track("search", n=base)', 1)
SCENES = {
    "plain": PLAIN,
    "first run": Scene(
        f"{JSON}, identity='install', fields={{'n': 'number', 'word': 'hash'}}",
        'discreet.track("search", n=base, word="a word")\ntelemetry.flush(30)\ndiscreet.track("search", n=base + 1)',
        2,
        prepare=lambda home, programs: None,
        env={"MYTOOL_TELEMETRY_OPT_IN": "true"},
    ),
    "rotation": ROTATION,
    "losses": LOSSES._replace(prepare=prepare_losses),
    "handover": HANDOVER._replace(prepare=prepare_delivery),
    "flags": Scene(
        POSTHOG,
        """
telemetry.flag("new-ui")
telemetry.flag("share", rollout=0.5)
discreet.track("search", n=base)
telemetry.flush(30)
telemetry.flag("new-ui")
""",
        1,
        prepare=prepare_flags,
    ),
    "old files": PLAIN._replace(prepare=prepare_old),
    "opt-out": PLAIN._replace(options="consent='opt-out'", prepare=prepare_notice),
}


def test_every_call_is_known() -> None:
    """What the package asks of the system is counted here: a call that nobody knows would never fail in these tests."""
    unknown = set()
    for path in PACKAGE.rglob("*.py"):
        if "testing" in path.parts:  # which runs in the tests of a host
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else names
            unknown |= {(path.name, name) for name in names if name in BY_THEMSELVES}
            if isinstance(node, ast.ImportFrom) and node.module in ("os", "posix", "fcntl"):
                unknown |= {(path.name, one.name) for one in node.names if one.name not in LOCKS}
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "fcntl":
                unknown |= set() if node.attr in MOVES else {(path.name, node.attr)}
            if isinstance(node, ast.Attribute) and of_os(node.value):
                known = node.attr.isupper() or node.attr in {*CALLS, *WITHOUT_DISK, *BY_STAT}
                unknown |= set() if known else {(path.name, node.attr)}
    assert unknown == set()


def of_os(node: ast.expr) -> bool:
    """Whether this is `os` or `os.path`."""
    inner = node.value if isinstance(node, ast.Attribute) and node.attr == "path" else node
    return isinstance(inner, ast.Name) and inner.id == "os"


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    """Where the hosts run."""
    made = Programs("cli", "report")
    yield made
    made.close()


@pytest.mark.parametrize("name", SCENES)
def test_a_host(name: str, programs: Programs, tmp_path: Path, size: Any, figures: Any) -> None:
    """Whatever call fails, and in whatever way, all that this module promises holds."""
    scene = SCENES[name]
    home = Home(tmp_path / "home")
    scene.prepare(home, programs)
    home.keep()
    home.fresh()
    bare = programs.run(BARE, home, "0")
    well = programs.run(scene.program, home, "1", env=scene.env)
    assert well.felt == bare.felt
    assert well.swallowed == []
    assert set(range(1, 1 + scene.events)) <= set(numbers(home.lines()[0]))
    wrong = []
    faults = chosen(well.calls, SORE, size(2, 1_000_000), name)
    figures(f"{len(well.calls)} calls, {len(faults)} faults")
    for fault in faults:
        problems = list(judge(scene, home, programs, fault, well))
        if problems:
            wrong.append(f"{fault} at {well.calls[fault.number - 1]}: {'; '.join(problems)}")
    assert not wrong, "\n".join((f"{len(wrong)} of {len(faults)}", *wrong[:40]))


def judge(scene: Scene, home: Home, programs: Programs, fault: Fault, well: Run) -> Iterator[str]:
    """What is wrong after a run with a fault, and one without."""
    home.fresh()
    before, others, counted = numbers(home.lines()[0]), home.others(), home.losses()
    at = well.calls[fault.number - 1]
    run = programs.run(scene.program, home, "1", env=scene.env, fault=fault)
    if run.calls[: fault.number] != well.calls[: fault.number]:
        yield f"another call: {run.calls[fault.number - 1 : fault.number]}"
    if run.felt != (well.status, well.out, well.err):
        yield f"felt: {run.felt}"
    yield from oddities(run, fault, at)
    found, torn = home.lines()
    after = numbers(found)
    missing = sum(number not in after for number in range(1, 1 + scene.events))
    lost = sum(run.end.get("losses", {}).values()) + home.losses() - counted
    deleted = fault.how == "gone" or fault.error == errno.ENOENT  # of that, or what is said to be, nobody can tell
    if not deleted and not run.end["off"] and missing > lost:
        yield f"{missing} events are missing, {lost} counted"
    if not deleted and (gone := before.keys() - after.keys()):
        yield f"lost from the log: {sorted(gone)}"
    # The thread begins by looking at the stored answer; the gate looked at it before.
    seen_by_thread = fault.number > well.calls.index("open usage.jsonl") - 2
    if not deleted and seen_by_thread and "consent" in counts(home, run):
        yield "a consent that cannot be looked at is taken for another one"
    left = [path.name for path in home.directory.glob("*.tmp")]
    # Where no child can be started the thread delivers, and the end of the host may come while it writes: then what is
    # left is of the kind that a later run erases.
    erased = "child.py" in at and all(map(unfinished, left))
    if left and fault.how in ("once", *SHORT) and not at.startswith("unlink") and not erased:
        yield f"left: {left}"
    yield from spoiled(after, torn, fault, at)
    again = programs.run(scene.program, home, "101", env=scene.env)
    if again.felt != run.felt:
        yield f"felt by the next: {again.felt}"
    found, torn = home.lines()
    silenced = fault.how == "gone" and not home.directory.joinpath("opt-in").exists() and not scene.env
    if not silenced and not set(range(101, 101 + scene.events)) <= set(numbers(found)):
        yield f"the next run recorded {sorted(numbers(found))}, {again.end}"
    yield from spoiled(numbers(found), torn, fault, at)
    if home.others() != others:
        yield f"touched: {home.others().keys() ^ others.keys()}"


def counts(home: Home, run: Run) -> dict[str, int]:
    """What was dropped, by reason."""
    path = home.directory / "losses.json"
    return {**run.end.get("losses", {}), **(json.loads(path.read_bytes()) if path.exists() else {})}


def oddities(run: Run, fault: Fault, at: str) -> Iterator[str]:
    """What was swallowed that is not the fault, and what was left open."""
    # A directory that cannot be looked at is taken for none.
    expected = {int(fault.error), errno.ENOSPC if fault.how in SHORT else 0}
    expected |= {errno.ENOTDIR} if at.startswith("stat") else set()
    for error in run.swallowed:
        if fault.how != "gone" and error.split()[2] not in map(str, expected):
            yield f"swallowed {error}"
    # Where no child can be started the thread delivers, and may be at it at the end.
    if run.end.get("leaked") and at != "stat child.py":
        yield f"{run.end['leaked']} descriptors left open"


def spoiled(found: Any, torn: list[bytes], fault: Fault, at: str) -> Iterator[str]:
    """What is wrong with a log: a doubled event, a merged line, or one that nothing explains."""
    doubled = [number for number, times in found.items() if times > 1]
    # Made, and repeated under its id since it was said to have failed; so may be what a failing `close` has written.
    if doubled and fault.how != "done" and at != "close usage.jsonl":
        yield f"doubled: {doubled}"
    if any(line.count(b'{"v":') > 1 for line in torn):
        yield f"merged: {torn}"
    if torn and fault.how not in SHORT:
        yield f"torn: {torn}"
