"""The end of a process, by all its doors: what was tracked is on the log, and the exit is what it would have been."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import os, signal, sys
import discreet

discreet.Telemetry.close.__defaults__ = (10.0,)  # on a busy machine the real deadline may pass before the thread's turn
discreet.init("mytool", version="1.0")
discreet.track("search", n=1)
discreet.track("search", n=2)
{end}
"""
ENDS = {
    "the last line": ("", 0),
    "sys.exit()": ("sys.exit()", 0),
    "sys.exit(3)": ("sys.exit(3)", 3),
    "sys.exit(text)": ("sys.exit('a text')", 1),
    "an exception": ("raise ValueError('a text')", 1),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", -signal.SIGINT),
    "SIGINT": (
        "signal.signal(signal.SIGINT, signal.default_int_handler)\nos.kill(os.getpid(), signal.SIGINT)",
        -signal.SIGINT,
    ),
    "closed by hand": ("discreet.close()", 0),
    "closed streams": ("sys.stdout.close(); sys.stderr.close(); os.close(1); os.close(2)", 0),
}
DEATHS = ["os._exit(0)", "os.abort()"] + [
    f"os.kill(os.getpid(), signal.{name})" for name in ("SIGKILL", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGALRM")
]
STOPPED = """
import os, signal, time
import discreet

telemetry = discreet.init("mytool", version="1.0")
discreet.track("search", n=1)
assert discreet.flush(10.0)
sender, append = telemetry._sender, telemetry._sender._log.append

def stopped(lines):
    while not sender.closed:
        time.sleep(0.001)
    time.sleep(0.01)  # the end of the process waits by now
    os.system(f"(sleep 0.4; kill -CONT {os.getpid()}) > {os.devnull} 2>&1 &")
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(0.03)
    return append(lines)

sender._log.append = stopped
discreet.track("search", n=2)
"""
INTERRUPTED = """
import os, signal, sys, time
import discreet
from discreet.log import Log

class Slow:
    def __len__(self):
        os.kill(os.getpid(), signal.SIGINT)
        return 1

def append(log, lines):
    while not telemetry._sender.closed:  # until the process ends
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)
    return real(log, lines)

real, Log.append = Log.append, append
signal.signal(signal.SIGINT, {handler})
telemetry = discreet.init("mytool", version="1.0", fields=dict(n="count"))
{doing}
"""
FIRST = """
import atexit
{before}
import discreet

discreet.Telemetry.close.__defaults__ = (10.0,)  # as above
telemetry = discreet.init("mytool", version="1.0", fields=dict(n="number"))
{after}
"""
TOO_SHORT = """
import atexit
import threading
import time
import discreet
from discreet.log import Log

def append(log, lines):
    while not told and threading.current_thread() is not threading.main_thread():  # else no thread could be started
        time.sleep(0.001)
    time.sleep(0.1)
    return real(log, lines)

told, real, Log.append = [], Log.append, append
discreet.Telemetry.close.__defaults__ = (10.0,)  # as above
discreet.init("mytool", version="1.0")

{when}
def work():
    discreet.track("search", n=1)
    told.append(discreet.close(0))
    discreet.track("search", n=2)

{then}
"""
TOGETHER = """
import threading
import discreet
from discreet.sending import Sender

def made(sender, *arguments, **options):
    all_of_them.wait(10)
    make(sender, *arguments, **options)

def closed(sender, timeout):
    print("closed")
    return close(sender, timeout)

all_of_them, make, close = threading.Barrier(3), Sender.__init__, Sender.close
Sender.__init__, Sender.close = made, closed
telemetry = discreet.init("mytool", version="1.0")
threads = [threading.Thread(target=telemetry.track, args=("search", {"n": n})) for n in range(3)]
for thread in threads:
    thread.start()
"""
FLOOD = """
import sys
import time
import discreet

discreet.init("mytool", version="1.0")
n = 0
while True:
    time.sleep(0.001)  # however quick the machine, eight of them stay within what the log keeps
    for n in range(n + 1, n + 21):
        discreet.track("search", n=n)
    if discreet.flush(10.0):
        print(n, flush=True)
"""


def numbers(records: list[dict[str, Any]]) -> list[int]:
    """What tells the records apart."""
    return [record["properties"]["n"] for record in records]


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("end", ENDS)
def test_an_exit_drains(run_python: Any, read_log: Any, end: str) -> None:
    """However the interpreter ends, what was tracked is on the log, and the exit status is the program's own."""
    code, status = ENDS[end]
    result = run_python(PROGRAM.format(end=code))
    assert result.returncode == status
    assert "discreet" not in result.stderr.replace("discreet.init", "")
    assert numbers(read_log()) == [1, 2]


@pytest.mark.usefixtures("directory")
def test_closed_for_a_time_that_is_none(run_python: Any, read_log: Any) -> None:
    """A `close` that fails, since `timeout` is no number, is False and counted; the end itself then drains."""
    result = run_python(PROGRAM.format(end="assert discreet.close(None) is False"))
    assert result.returncode == 0
    assert numbers(read_log()) == [1, 2]


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("when", "then"),
    [("", "work()\nassert told == [False]"), ("@atexit.register", "")],
    ids=["before the end", "at the end"],
)
def test_closed_for_too_short_a_time(run_python: Any, read_log: Any, when: str, then: str) -> None:
    """A `close` that the thread outlasts leaves it to the end itself to wait, also for what is tracked in between, and
    for a first event of the end.
    """
    result = run_python(TOO_SHORT.format(when=when, then=then))
    assert (result.returncode, result.stderr) == (0, "")
    assert numbers(read_log()) == [1, 2]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no such signal here")
@pytest.mark.usefixtures("directory")
def test_stopped_at_the_end(run_python: Any, read_log: Any) -> None:
    """Time in which the process is stopped at its end (Ctrl-Z, a frozen container) is not taken from its thread."""
    result = run_python(STOPPED)
    assert (result.returncode, result.stderr) == (0, "")
    assert numbers(read_log()) == [1, 2]


@pytest.mark.usefixtures("directory")
def test_one_event_and_the_end(run_python: Any, read_log: Any) -> None:
    """The shortest command there is, many times in a row, loses none."""
    for _ in range(15):
        assert run_python(PROGRAM.format(end="os.environ['X'] = '1'")).returncode == 0
    assert Counter(numbers(read_log())) == {1: 15, 2: 15}


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("handler", ["signal.default_int_handler", "lambda *_: sys.exit(3)"])
@pytest.mark.parametrize("doing", ['telemetry.track("search", n=1)', "session = telemetry.session(n=Slow())"])
def test_a_signal_at_the_end(run_python: Any, handler: str, doing: str) -> None:
    """A second Ctrl-C, as a wrapper hands it on or an impatient user types it, shows nobody a traceback of ours."""
    result = run_python(INTERRUPTED.format(handler=handler, doing=doing))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.usefixtures("directory")
def test_threads_that_track_first_together(run_python: Any, read_log: Any) -> None:
    """However many make a sender, one of them sends, and the end waits for that one alone, once."""
    result = run_python(TOGETHER)
    assert (result.returncode, result.stdout, result.stderr) == (0, "closed\n", "")
    assert sorted(numbers(read_log())) == [0, 1, 2]


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("where", ["atexit", "atexit before init", "a thread that outlives the program"])
def test_events_of_the_end_itself(run_python: Any, read_log: Any, where: str) -> None:
    """What is tracked while the interpreter ends, after or before the drain, is on the log too."""
    ends = {
        "atexit": "import atexit\natexit.register(discreet.track, 'search', n=3)",
        "atexit before init": "",
        "a thread that outlives the program": (
            "import threading, time\n"
            "threading.Thread(target=lambda: (time.sleep(0.05), discreet.track('search', n=3))).start()"
        ),
        "__del__": (
            "class Last:\n    def __del__(self, track=discreet.track):\n        track('search', n=3)\nlast = Last()"
        ),
    }
    program = PROGRAM.format(end=ends[where])
    if where == "atexit before init":  # runs after our own handler: the last one registered runs first
        program = "import atexit\natexit.register(lambda: discreet.track('search', n=3))\n" + program
    result = run_python(program)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert numbers(read_log()) == [1, 2, 3]


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("when", ["before the import", "after it"])
@pytest.mark.parametrize(
    "what",
    [
        "discreet.track('search', n=1)",
        "telemetry.session(n=1).close()",
        "discreet.Telemetry('mytool', version='1.0').track('search', n=1)",
    ],
)
def test_the_first_event_is_one_of_the_end(run_python: Any, read_log: Any, when: str, what: str) -> None:
    """Nothing was recorded when the interpreter began to end, so no thread is there, and nothing waits for one."""
    end = f"atexit.register(lambda: {what})\n"
    program = FIRST.format(**{"before": "", "after": "", when.partition(" ")[0]: end})
    result = run_python(program)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert numbers(read_log()) == [1]


@pytest.mark.usefixtures("directory")
def test_events_while_the_modules_go(run_python: Any, read_log: Any) -> None:
    """A finalizer that tracks when the interpreter already takes its modules apart is not disturbed: no error and no
    output; its event is the one that may be dropped, since nothing can be loaded any more.
    """
    end = "class Last:\n    def __del__(self, track=discreet.track):\n        track('search', n=3)\nlast = Last()"
    result = run_python(PROGRAM.format(end=end), env={"DISCREET_DEBUG": ""})
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert numbers(read_log())[:2] == [1, 2]


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("death", DEATHS)
def test_a_violent_death_after_flush_loses_nothing(run_python: Any, read_log: Any, death: str) -> None:
    """What `flush` said is on the log is there whatever happens in the next instruction."""
    result = run_python(PROGRAM.format(end=f"print(discreet.flush(10.0), flush=True)\n{death}"))
    assert result.stdout == "True\n"
    assert numbers(read_log()) == [1, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_in_the_middle(directory: Path, tmp_path: Path, environment: dict[str, str], run_python: Any) -> None:
    """Killed while it writes, again and again, a process loses nothing that it was told is safe, and tears at most the
    last line, which the next one closes.
    """
    script = tmp_path / "flood.py"
    script.write_text(FLOOD)
    safe: list[int] = []
    for attempt in range(8):
        child = subprocess.Popen([sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        said = [int(child.stdout.readline())]
        time.sleep(0.003 * attempt)
        child.send_signal(signal.SIGKILL)
        said += [int(line) for line in child.communicate(timeout=30)[0].splitlines()]
        safe.append(said[-1])
    run_python(PROGRAM.format(end=""))
    runs: dict[str, list[int]] = {}
    torn = 0
    logs = sorted(directory.glob("usage*.jsonl"))  # usage.1.jsonl, older, before usage.jsonl
    for line in b"".join(each.read_bytes() for each in logs).splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            torn += 1
            continue
        runs.setdefault(record["run"], []).append(record["properties"]["n"])
    assert len(runs) == len(safe) + 1
    assert torn <= len(safe)
    for found, said_safe in zip(runs.values(), safe, strict=False):
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= said_safe


@pytest.mark.usefixtures("directory")
def test_exec_after_flush(run_python: Any, read_log: Any) -> None:
    """A program that replaces itself keeps what was flushed, and its successor finds no descriptor of ours open."""
    successor = "import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])"
    end = f"assert discreet.flush(10.0)\nos.execv(sys.executable, [sys.executable, '-c', {successor!r}])"
    bare = run_python(f"import os, sys\nos.execv(sys.executable, [sys.executable, '-c', {successor!r}])")
    result = run_python(PROGRAM.format(end=end))
    assert (result.returncode, result.stdout, result.stderr) == (0, bare.stdout, bare.stderr)
    assert numbers(read_log()) == [1, 2]


@pytest.mark.usefixtures("directory")
def test_no_descriptor_stays_open(run_python: Any) -> None:
    """A host that closes, counts or inherits descriptors never meets one of ours."""
    program = PROGRAM.format(
        end="assert discreet.flush(10.0)\nprint(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])"
    )
    assert run_python(program).stdout == "[0, 1, 2]\n"
