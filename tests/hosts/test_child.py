"""A command under `run` beside the bare one: Ctrl-Z and `fg`, its signals, and its environment."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import clean_environment
from terminal import SECONDS, Terminal

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and terminals of POSIX")

RUN = ["--tool", "mytool", "run", "--"]
WITHOUT_SIGINFO = "import _signal, sys; del _signal.sigtimedwait, _signal.sigwaitinfo, _signal.struct_siginfo;"
MAIN = "from discreet.__main__ import main; sys.exit(main())"
PROGRAMS = {
    "siginfo": ["-W", "error", "-m", "discreet", *RUN],
    "no siginfo": ["-W", "error", "-c", WITHOUT_SIGINFO + MAIN, *RUN],
}
# Each says "ready", and "back" when it was continued. The first takes its time before it stops, as one that has to put
# the terminal in order, and stops in a way of its own (`top`).
SUSPENDED = {
    "in order first": """
def stop(*_):
    time.sleep(0.2)
    say("in order")
    os.kill(os.getpid(), signal.SIGSTOP)
    say("back")
    os._exit(7)
signal.signal(signal.SIGTSTP, stop)
say("ready")
time.sleep(60)
""",
    "by itself": """
signal.signal(signal.SIGCONT, lambda *_: say("continued"))
say("ready")
say("in order")
os.kill(os.getpid(), signal.SIGTSTP)
time.sleep(0.2)
say("back")
os._exit(7)
""",
}
UNIMPRESSED = """
signal.signal(signal.SIGTSTP, lambda *_: (say("pressed"), time.sleep(0.2), os._exit(7)))
say("ready")
time.sleep(60)
"""
# Written at once: a handler may not `print` within a `print`.
IMPORTS = "import os, signal, time; say = lambda word: os.write(1, word.encode() + b'\\n')\n"


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """A clean environment of a user who agreed."""
    (home / ".mytool" / "telemetry").mkdir(parents=True)
    (home / ".mytool" / "telemetry" / "opt-in").write_text("true\n")
    return clean_environment(home)


def only(home: Path) -> int:
    """The exit code of the one event on the log."""
    (line,) = (home / ".mytool" / "telemetry" / "usage.jsonl").read_text().splitlines()
    code: int = json.loads(line)["properties"]["exit_code"]
    return code


BELOW = """
import os, signal, subprocess, sys
process = subprocess.Popen(sys.argv[1:], preexec_fn=os.setpgrp)
stops = 0
while os.WIFSTOPPED(status := os.waitpid(process.pid, os.WUNTRACED)[1]):
    stops += 1
    os.killpg(process.pid, signal.SIGCONT)
print(stops, os.waitstatus_to_exitcode(status))
"""


def printed(program: str, environment: dict[str, str], directory: Path) -> str:
    """What a program prints below a process that continues what stops; nothing on stderr."""
    words = [sys.executable, "-c", BELOW, sys.executable, "-c", program]
    done = subprocess.run(
        words, env=environment, cwd=directory, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert done.stderr == ""
    return done.stdout


def below_a_shell(how: str, command: str, after: str) -> list[str]:
    """A shell with job control that runs the command, and then `after`."""
    argv = [sys.executable, *PROGRAMS[how], sys.executable, "-c", IMPORTS + command]
    return ["bash", "--norc", "-c", f"set -m; {shlex.join(argv)}; echo status $?; {after}"]


@pytest.mark.parametrize("how", PROGRAMS)
@pytest.mark.parametrize("command", SUSPENDED)
def test_a_suspended_command_suspends_run(environment: dict[str, str], home: Path, how: str, command: str) -> None:
    """The shell has its prompt again when the command has stopped, by Ctrl-Z or by itself, and not before; `fg` then
    continues both, once.
    """
    shell = below_a_shell(how, SUSPENDED[command], "fg > /dev/null; echo status $?")
    with Terminal(shell, environment) as terminal:
        terminal.wait_for("ready")
        if command != "by itself":
            terminal.type("\x1a")
        terminal.wait_for("status 7")
        assert terminal.end() == 0
    before, after = terminal.output.split(f"status {128 + signal.SIGTSTP}")
    assert "in order" in before
    assert after.count("continued\n") == (1 if command == "by itself" else 0)
    assert after.count("back\n") == 1
    assert only(home) == 7


@pytest.mark.parametrize("how", PROGRAMS)
def test_a_command_that_does_not_stop(environment: dict[str, str], home: Path, how: str) -> None:
    """Where Ctrl-Z does not suspend the command, it does not suspend `run`: the shell goes on waiting."""
    with Terminal(below_a_shell(how, UNIMPRESSED, "true"), environment) as terminal:
        terminal.wait_for("ready")
        terminal.type("\x1a")
        terminal.wait_for("pressed")
        assert terminal.end() == 0
    assert terminal.output.split("status ")[1] == "7\n"
    assert only(home) == 7


@pytest.mark.parametrize("how", PROGRAMS)
def test_keys_reach_a_command_in_a_group_of_its_own(environment: dict[str, str], home: Path, how: str) -> None:
    """`timeout` makes a process group of its own, which it could not as the leader in the place of `run`: all in it
    get Ctrl-Z, `fg` and Ctrl-C.
    """
    command = """
os.setpgid(0, 0)
import subprocess
signal.signal(signal.SIGINT, lambda *_: os._exit(7))
subprocess.run(["sh", "-c", "echo ready; sleep 0.5; echo back; exec sleep 60"])
"""
    with Terminal(below_a_shell(how, command, "fg > /dev/null; echo status $?"), environment) as terminal:
        terminal.wait_for("ready")
        terminal.type("\x1a")
        terminal.wait_for(f"status {128 + signal.SIGTSTP}")
        terminal.wait_for("\nback\n")
        terminal.type("\x03")
        terminal.wait_for("status 7")
        assert terminal.end() == 0
    assert only(home) == 7


@pytest.mark.parametrize("how", PROGRAMS)
def test_ctrl_z_after_a_stop(environment: dict[str, str], home: Path, how: str) -> None:
    """A command that was stopped alone leaves the terminal to nobody (a shell's `suspend`): Ctrl-Z frees it."""
    command = "say('ready'); os.kill(os.getpid(), signal.SIGSTOP); say('back'); os._exit(7)"
    with Terminal(below_a_shell(how, command, "fg > /dev/null; echo status $?"), environment) as terminal:
        terminal.wait_for("ready")
        time.sleep(0.2)
        terminal.type("\x1a")
        terminal.wait_for("status 7")
        assert terminal.end() == 0
    assert f"status {128 + signal.SIGTSTP}\nback\n" in terminal.output
    assert only(home) == 7


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="has to look at the command without taking what it did")
def test_a_command_that_stops_again_at_once(environment: dict[str, str], tmp_path: Path) -> None:
    """It is not continued behind the back of whoever started it, only because `run` was not awake yet."""
    program = """
import os, signal
from discreet.hosts import child
stops = 0
def stop(_):
    global stops
    stops += 1
    process = int(open("pid").read())
    os.kill(process, signal.SIGCONT)
    os.waitid(os.P_PID, process, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
child._stop = stop
with child.Child(["sh", "-c", "echo $$ > pid; kill -TSTP $$; kill -TSTP $$; kill -TSTP $$; exit 7"]) as held:
    print(held.run(), stops)
"""
    assert printed(program, environment, tmp_path) == "7 3\n0 0\n"


CONTINUED = """
stop = child._stop
def late(process):
    os.kill(process, signal.SIGCONT)
    os.waitid(os.P_PID, process, os.WCONTINUED | os.WEXITED | os.WNOWAIT)
    stop(process)
child._stop = late
"""
ENDED = """
def late(path, mode):
    process = int(path.split("/")[2])
    os.kill(process, signal.SIGCONT)
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    return open(path, mode)
child.open = late
"""


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="this system cannot look without taking")
@pytest.mark.parametrize("how", [CONTINUED, ENDED], ids=["before we look", "ended when we look"])
def test_a_command_that_was_continued_at_once(environment: dict[str, str], tmp_path: Path, how: str) -> None:
    """Whoever stops and continues a whole process group in one breath has nothing left to continue."""
    program = f"""
import os, signal
from discreet.hosts import child
{how}
with child.Child(["sh", "-c", "kill -TSTP $$; exit 7"]) as held:
    print(held.run())
"""
    assert printed(program, environment, tmp_path) == "7\n0 0\n"


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="else it sets handlers, which a thread may not")
def test_a_suspended_command_of_a_thread(environment: dict[str, str], home: Path) -> None:
    """It may be run in any thread of a host."""
    host = """
import discreet, threading
words = ["run", "--", "sh", "-c", "kill -TSTP $$; exit 7"]
thread = threading.Thread(target=discreet.Telemetry("mytool").main, args=[words])
thread.start()
thread.join()
"""
    assert printed(host, environment, home) == "1 0\n"
    assert only(home) == 7


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="this system does not tell who sent a signal")
def test_run_alone_is_continued(environment: dict[str, str], home: Path) -> None:
    """Who continues `run`, not knowing of the command, continues the command, too."""
    # Below a process of the same session in another group, without which nothing could be stopped.
    argv = [sys.executable, *PROGRAMS["siginfo"], sys.executable, "-c", IMPORTS + SUSPENDED["by itself"]]
    program = f"""
import os, signal, subprocess
process = subprocess.Popen({argv!r}, preexec_fn=os.setpgrp)
assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
os.kill(process.pid, signal.SIGCONT)
raise SystemExit(process.wait())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert (done.returncode, done.stdout.split("\n")[2:]) == (7, ["continued", "back", ""])
    assert only(home) == 7


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="this system does not tell who sent a signal")
def test_what_the_command_sends_to_its_group(environment: dict[str, str], home: Path) -> None:
    """`kill 0`, with which scripts end their children, reaches the script once, as it does without `run`."""
    program = """
got = []
signal.signal(signal.SIGTERM, lambda *_: got.append(1))
os.kill(0, signal.SIGTERM)
end = time.monotonic() + 0.3
while time.monotonic() < end:
    time.sleep(0.01)
os._exit(len(got))
"""
    argv = [sys.executable, *PROGRAMS["siginfo"], sys.executable, "-c", IMPORTS + program]
    assert subprocess.run(argv, env=environment, start_new_session=True, timeout=SECONDS, check=False).returncode == 1
    assert only(home) == 1


@pytest.mark.parametrize("how", PROGRAMS)
def test_a_command_of_another_user(environment: dict[str, str], home: Path, how: str) -> None:
    """A signal that `run` may not pass on, as to `sudo`, is lost, as it would be without `run`; the rest is as ever."""
    refused = "import os, sys\ndef kill(*_): raise PermissionError(1, 'no')\nos.kill = kill\n"
    without = WITHOUT_SIGINFO if how != "siginfo" else ""
    command = IMPORTS + "say('ready'); input(); os._exit(7)"
    argv = [sys.executable, "-c", refused + without + MAIN, *RUN, sys.executable, "-c", command]
    with subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        time.sleep(0.2)
        process.communicate(b"\n", SECONDS)
    assert process.returncode == 7
    assert only(home) == 7


def test_a_signal_that_does_not_end_run(environment: dict[str, str], home: Path) -> None:
    """Where the signal that ended the command cannot end `run`, the status says it: the first process of a container
    gets none of its own, and here the caller holds it.
    """
    program = "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM]); os.kill(os.getpid(), signal.SIGTERM)"
    argv = [sys.executable, *PROGRAMS["siginfo"], sys.executable, "-c", IMPORTS + program]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        process = subprocess.Popen(argv, env=environment)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert process.wait(SECONDS) == 128 + signal.SIGTERM
    assert only(home) == 128 + signal.SIGTERM


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="this system does not tell it")
@pytest.mark.parametrize("answer", ["true", "false"])
@pytest.mark.parametrize("locale", [{}, {"LC_CTYPE": "C"}, {"LC_CTYPE": "C.UTF-8"}, {"LANG": "C"}])
def test_the_environment_is_the_callers(
    environment: dict[str, str], home: Path, answer: str, locale: dict[str, str]
) -> None:
    """Where the locale is C, Python sets LC_CTYPE for itself, by which `wc -m` counts characters: not the command's."""
    (home / ".mytool" / "telemetry" / "opt-in").write_text(answer)
    kept = {name: value for name, value in environment.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}

    def seen(*words: str) -> list[str]:
        done = subprocess.run(
            [*words, "env"], env=kept | locale, capture_output=True, text=True, timeout=SECONDS, check=True
        )
        return sorted(done.stdout.splitlines())

    assert seen(sys.executable, *PROGRAMS["siginfo"]) == seen()
