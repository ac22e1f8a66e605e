"""Every call of the verbs to the file system, failing in every way, one at a time.

What must hold each time: a sentence on stderr and status 1, or the right answer and status 0; never a traceback. `off`
that cannot be stored says so, and one that says it is off is off. What cannot be shown is not left out in silence. And
the same verb, on a disk that is well again, does its work.
"""

import errno
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from faults.disk import Fault, chosen
from faults.forked import Home, Programs, Run, numbers

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="forks, and counts its descriptors")

TOOL = """
import sys
import discreet
telemetry = discreet.init(
    "mytool", version="1.0", identity="install", fields={"n": "number", "word": "hash"},
    destination=discreet.Destination("http://127.0.0.1:9/t", batch_size=1, batch_interval=0),
)
if sys.argv[1] != "record":
    sys.exit(telemetry.main(sys.argv[1:]))
for number in map(int, sys.argv[2:]):
    discreet.track("search", n=number, word="a word")
    telemetry.flush(30)
discreet.track("search", text="not declared")
"""
SORE = ("write page", "write opt-in.tmp", "replace opt-in.tmp", "access opt-in")
SENT, WAITING = range(1, 12), range(101, 106)


class Verb(NamedTuple):
    """A call; `judge` says what is wrong with what it did, given whether there was a fault in it."""

    arguments: list[str]
    judge: Callable[[Home, Run, Fault | None], Iterator[str]]
    prepare: Callable[[Home], object] = lambda home: None
    stored: str = "true\n"


def nothing(home: Home, run: Run, fault: Fault | None) -> Iterator[str]:
    """A verb that only reads."""
    yield from ()


def said(home: Home) -> str:
    """The stored answer's word."""
    path = home.directory / "opt-in"
    return (path.read_text().split() or [""])[0] if path.exists() else "missing"


def judge_off(home: Home, run: Run, fault: Fault | None) -> Iterator[str]:
    """Off is off."""
    if run.status == 0 and (said(home) != "false" or (home.directory / "enabled").exists()):
        yield f"says off, stored: {said(home)}"


def judge_on(home: Home, run: Run, fault: Fault | None) -> Iterator[str]:
    """A yes is stored whole, or not at all."""
    if said(home) not in ("true", "false") or (run.status == 0 and said(home) != "true"):
        yield f"stored: {said(home)}"
    lines = (home.directory / "opt-in").read_text().splitlines()
    if said(home) == "true" and len(lines) < 5:
        yield f"covers: {lines}"


def judge_clear(home: Home, run: Run, fault: Fault | None) -> Iterator[str]:
    """Erased is erased; an empty directory may stay."""
    left = sorted(path.name for path in home.directory.iterdir()) if home.directory.exists() else []
    if run.status == 0 and left:
        yield f"left: {left}"


def judge_forget(home: Home, run: Run, fault: Fault | None) -> Iterator[str]:
    """Whatever was sent is asked for, or its ids are kept."""
    yield from judge_clear(home, run, fault)
    receipts = home.directory / "receipts.jsonl"
    kept = [json.loads(line)["ids"] for line in receipts.read_bytes().splitlines()] if receipts.exists() else []
    asked = [body["forget"] for body in run.sent]
    if len({one for ids in (*kept, *asked) for one in ids}) != len(SENT) + 1:
        yield f"asked for {asked}, kept {kept}"


def judge_page(home: Home, run: Run, fault: Fault | None) -> Iterator[str]:
    """A page that is said to be written is whole, and of one that is not it is told which."""
    path = home.path / "page"
    if run.status == 0 and not path.read_text().rstrip().endswith("</html>"):
        yield f"cut off: {path.read_text()[-100:]!r}"
    if path.exists() and run.status and str(path) not in run.err:
        yield f"complains of something else: {run.err}"


def judge_export(home: Home, run: Run, fault: Fault | None) -> Iterator[str]:
    """A page is whole, or not there."""
    path = home.path / "page"
    if run.status == 0 and not path.read_text().endswith("\n"):
        yield f"cut off: {path.read_text()[-100:]!r}"
    could_not_go = "unlink page" in run.calls or (fault is not None and fault.how == "done")
    if run.status and path.exists() and not could_not_go:
        yield f"left: {path.read_text()[-100:]!r}"


def judge_log(home: Home, run: Run, fault: Fault | None) -> Iterator[str]:
    """Recorded is on the log."""
    if run.status == 0 and 7 not in numbers(home.lines()[0]):
        yield "not recorded"


def judge_flush(home: Home, run: Run, fault: Fault | None) -> Iterator[str]:
    """Nothing leaves that was sent, or was never on the log."""
    found = [record["properties"].get("n", 0) for body in run.sent for record in body["records"]]
    if not set(found) <= {0, *WAITING} or len(set(found)) != len(found):
        yield f"sent: {found}"


def mark(home: Home) -> None:
    """A yes by the marker as well."""
    (home.directory / "enabled").write_text("")


VERBS = {
    "on": Verb(["on"], judge_on, stored="false\n"),
    "off": Verb(["off"], judge_off),
    "off with a marker": Verb(["off"], judge_off, prepare=mark),
    "status": Verb(["status"], nothing),
    "status --json": Verb(["status", "--json"], nothing),
    "explain": Verb(["explain"], nothing),
    "disclosure": Verb(["disclosure"], nothing),
    "preview": Verb(["preview"], nothing),
    "preview --wire": Verb(["preview", "--wire"], nothing),
    "report": Verb(["report"], nothing),
    "report --html": Verb(["report", "--html", "{page}"], judge_page),
    "export": Verb(["export"], nothing),
    "export --out": Verb(["export", "--out", "{page}"], judge_export),
    "sent": Verb(["sent"], nothing),
    "flush": Verb(["flush"], judge_flush),
    "clear": Verb(["clear", "--yes"], judge_clear),
    "forget": Verb(["forget", "--yes"], judge_forget),
    "log": Verb(["log", "search", "--set", "n=7"], judge_log),
    "run": Verb(["run", "--", "sh", "-c", "echo run; exit 5"], nothing),
}


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    """Where the verbs run."""
    made = Programs()
    yield made
    made.close()


@pytest.fixture(scope="module")
def template(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home where something was sent and something waits."""
    home = Home(tmp_path_factory.mktemp("template") / "home")
    home.agree()
    assert programs.run(TOOL, home, "record", *map(str, SENT)).status == 0
    assert programs.run(TOOL, home, "flush").status == 0
    assert programs.run(TOOL, home, "record", *map(str, WAITING)).status == 0
    assert len(list(home.directory.iterdir())) >= 8
    home.keep()
    return home


@pytest.mark.parametrize("name", VERBS)
def test_a_verb(name: str, programs: Programs, template: Home, size: Any, figures: Any) -> None:
    """Whatever call fails, and in whatever way, all that this module promises holds."""
    verb = VERBS[name]
    home = template.copied()
    if verb.stored != "true\n":
        home.agree(verb.stored)
    verb.prepare(home)
    home.keep()
    home.fresh()
    words = [word.format(page=home.path / "page") for word in verb.arguments]
    well = programs.run(TOOL, home, *words)
    assert "Traceback" not in well.err
    assert list(verb.judge(home, well, None)) == []
    faults = chosen(well.calls, SORE, size(1, 1_000_000), name)
    figures(f"{len(well.calls)} calls, {len(faults)} faults")
    wrong = []
    for fault in faults:
        home.fresh()
        run = programs.run(TOOL, home, *words, fault=fault)
        # What is said to be missing is missing, as far as anybody can tell.
        missing = fault.how == "gone" or fault.error == errno.ENOENT
        problems = [*judge(run, fault, well, missing=missing), *([] if missing else verb.judge(home, run, fault))]
        (home.path / "page").unlink(missing_ok=True)
        again = programs.run(TOOL, home, *words)
        if again.status != well.status and fault.how != "gone":
            problems.append(f"again: {again.felt}")
        if problems:
            wrong.append(f"{fault} at {well.calls[fault.number - 1]}: {'; '.join(problems)}")
    assert not wrong, "\n".join((f"{len(wrong)} of {len(faults)}", *wrong[:40]))


def judge(run: Run, fault: Fault, well: Run, *, missing: bool) -> Iterator[str]:
    """What is wrong with how a verb ended."""
    if run.calls[: fault.number] != well.calls[: fault.number]:
        yield f"another call: {run.calls[fault.number - 1 : fault.number]}"
    if run.status not in (well.status, 1):
        yield f"status {run.status}"
    if "Traceback" in run.err or "ignored" in run.err or (run.status == 1 and not run.err):
        yield f"stderr: {run.err}"
    # Where no child can be started the thread delivers, and may be at it at the end.
    if run.end.get("leaked") and well.calls[fault.number - 1] != "stat child.py":
        yield f"{run.end['leaked']} descriptors left open"
    told = "cannot be read" in run.out + run.err
    if run.status == well.status and run.out != well.out and not (missing or told):
        yield f"another answer: {run.out[-600:]!r} / {run.err}"


QUESTION = """
import sys
import discreet
from discreet.hosts import terminal
terminal.attended = terminal.is_idle = lambda *streams: True
terminal.line = lambda stream, seconds: {typed!r}
telemetry = discreet.init("mytool", version="1.0", consent={consent!r})
print("before")
{call}
discreet.track("search", n=1)
print("after")
sys.exit(3)
"""
QUESTIONS = {
    "yes": QUESTION.format(typed="y\n", consent="opt-in", call="telemetry.ask()"),
    "no": QUESTION.format(typed="n\n", consent="opt-in", call="telemetry.ask()"),
    "notice": QUESTION.format(typed="", consent="opt-out", call="telemetry.notice()"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question(name: str, programs: Programs, tmp_path: Path, size: Any, figures: Any) -> None:
    """Whatever call fails: stdout and status are the host's, nothing is recorded without a yes that is stored, nor in
    the run that shows a notice, nor in a later one where that it was shown could not be noted.
    """
    home = Home(tmp_path / "home")
    home.keep()
    home.fresh()
    well = programs.run(QUESTIONS[name], home, "1", env={"TERM": "xterm"})
    assert (well.status, well.out) == (3, "before\nafter\n")
    assert bool(home.lines()[0]) == (name == "yes")
    faults = chosen(well.calls, SORE, size(2, 1_000_000), name)
    figures(f"{len(well.calls)} calls, {len(faults)} faults")
    wrong = []
    for fault in faults:
        home.fresh()
        run = programs.run(QUESTIONS[name], home, "1", env={"TERM": "xterm"}, fault=fault)
        problems = []
        if (run.status, run.out) != (3, well.out) or "Traceback" in run.err or "ignored" in run.err:
            problems.append(f"felt: {run.felt}")
        if home.lines()[0] and (name != "yes" or (said(home) != "true" and fault.how != "gone")):
            problems.append(f"recorded, though stored is {said(home)}")
        if said(home) not in ("missing", {"yes": "true", "no": "false"}.get(name)):
            problems.append(f"stored: {said(home)}")
        noted = (home.directory / "notice").exists()
        again = programs.run(QUESTIONS[name], home, "1", env={"TERM": "xterm"})
        if (again.status, again.out) != (3, well.out):
            problems.append(f"felt by the next: {again.felt}")
        if home.lines()[0] and not (said(home) == "true" or (name == "notice" and noted)):
            problems.append(f"the next recorded, though stored is {said(home)}")
        if problems:
            wrong.append(f"{fault} at {well.calls[fault.number - 1]}: {'; '.join(problems)}")
    assert not wrong, "\n".join((f"{len(wrong)} of {len(faults)}", *wrong[:40]))
