"""Run a command as if nothing stood between it and whoever started us: its own exit status, and each signal once.

The rule that keeps it honest: from before the command begins until its end is recorded, every signal that asks a
program to end is held. It is passed on if the command would have got it in our place and does not get it anyway: the
terminal's keys reach the command as well as us, but only we can pass on what another process sends to us alone. Of
Ctrl-Z we stop when the command did, not before: it may have to put the terminal in order, or may not mean to stop.

Two known limits: a signal that another process sends to the whole process group, as `timeout` does, reaches the command
twice, since it cannot be told from one that was sent to us alone. And if the command alone is stopped by SIGSTOP, we
wait for Ctrl-Z: whoever continues it again may not know of us.
"""

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping
    from typing import Any
else:
    import _signal as signal  # `signal` only adds names, by `enum`, which costs a third of a start

_PASSED_ON = ("SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTSTP")
_KEYS = ("SIGINT", "SIGQUIT", "SIGTSTP")  # what a terminal's keys send
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")  # a command expects the default for these
_SHELL = "/bin/sh"
# After these the next directory of PATH is tried, as by glibc. Of them, only EACCES says that a file is there.
_NOT_THIS_ONE = (errno.EACCES, errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENODEV, errno.ETIMEDOUT)
# What Python sets LC_CTYPE to where the locale is C, for itself. Source: PEP 538.
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
_ENVIRONMENT = "/proc/self/environ"  # what this process was started with, as Linux has it
_LOOK_SECONDS = 1.0  # between two looks: another thread may take the signal of the command's end


class Child:
    """A command that is run once. Signals meant for it are held as long as the context lasts:

    `with Child(argv) as child: status = child.run()`
    """

    def __init__(self, argv: list[str]) -> None:
        self._argv = argv
        self._held: set[int] = set()
        self._before: "Any" = set()  # the signals that were held already
        self._key = False  # whether Ctrl-Z was pressed
        self._stopped = False  # whether the command is

    def __enter__(self) -> "Child":
        if os.name == "posix":
            self._held = {getattr(signal, name) for name in _PASSED_ON}
            self._before = signal.pthread_sigmask(signal.SIG_BLOCK, {*self._held, signal.SIGCHLD})
        return self

    def __exit__(self, *_: object) -> None:
        if os.name == "posix":
            for number in (self._held - self._before) & signal.sigpending():
                _drop(number)  # too late for the command, for which it was meant
            signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def run(self) -> int:
        """Run it to its end: its exit status, or minus the number of the signal that ended it. Raises `OSError` if it
        cannot be started.
        """
        if os.name != "posix":
            import subprocess

            return subprocess.run(self._argv, check=False).returncode  # noqa: S603  # the user's own command
        if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited from a parent; the status would be thrown away
        usual = [getattr(signal, name) for name in _IGNORED_BY_PYTHON]
        environ = _environment()
        flush()

        def start(path: str, argv: list[str], spawn: str = "posix_spawn") -> int:
            if not hasattr(os, spawn):
                return _forked(path, argv, environ, self._before)
            process: int = getattr(os, spawn)(path, argv, environ, setsigmask=list(self._before), setsigdef=usual)
            return process

        try:
            process = start(self._argv[0], self._argv, "posix_spawnp")  # which searches PATH itself
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            process = _started(self._argv, start)
        return self._wait(process) if hasattr(signal, "sigtimedwait") else self._wait_with_handlers(process)

    def _wait(self, process: int) -> int:
        while (status := self._looked(process, os.WNOHANG)) is None:
            got = signal.sigtimedwait({*self._held, signal.SIGCHLD}, _LOOK_SECONDS)
            if got is None or got.si_signo == signal.SIGCHLD:
                continue
            if _ours_alone(got, process):
                _send(process, got.si_signo)
            else:
                self._shared(process, got.si_signo, terminal=got.si_code > 0)
        return status

    def _wait_with_handlers(self, process: int) -> int:
        """As `_wait`, on a system that does not say who sent a signal (macOS). In the foreground of a terminal, the
        signals of its keys are taken to come from them.
        """
        keys = {getattr(signal, name) for name in _KEYS}

        def pass_on(number: int, _: object) -> None:
            if number in keys and _in_foreground():  # asked each time: a shell moves a job (`fg`, `bg`)
                self._shared(process, number, terminal=True)
            else:
                _send(process, number)

        handlers = {number: signal.signal(number, pass_on) for number in self._held}
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)
        try:
            while (status := self._looked(process)) is None:
                pass
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, self._held)
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return status

    def _shared(self, process: int, number: int, *, terminal: bool) -> None:
        """A signal to our whole process group, from the terminal or from the command."""
        if terminal and os.getpgrp() == os.getpid() and (own := _group(process)) < 0:
            _send(own, number)  # in our place the command would lead this group, and could not have left it
        if number == signal.SIGTSTP:
            self._key = not self._stopped
            if self._stopped:  # already, in a way that we did not follow
                _stop(process)
                _send(_group(process), signal.SIGCONT)

    def _looked(self, process: int, options: int = 0) -> int | None:
        """The exit status of the command, or minus the number of a signal, if it has ended. If it was suspended, so are
        we: some programs answer Ctrl-Z by SIGSTOP (`top`).
        """
        options |= os.WUNTRACED | os.WCONTINUED
        found, status = os.waitpid(process, options)
        while found and os.WIFSTOPPED(status):
            self._stopped = True
            by = os.WSTOPSIG(status)
            key = self._key or signal.SIGTSTP in signal.sigpending()
            if by != signal.SIGTSTP and not (by == signal.SIGSTOP and key):
                return None
            self._key = False
            _stop(process)
            found, status = os.waitpid(process, options | os.WNOHANG)  # it may have stopped again by now
            if not found:
                _send(_group(process), signal.SIGCONT)  # we alone were continued: a shell continues its job
        if not found:
            return None
        self._stopped = False
        return None if os.WIFCONTINUED(status) else os.waitstatus_to_exitcode(status)


def replace(argv: list[str]) -> None:
    """Become the command. Raises `OSError` if it cannot be started; then everything is as before."""
    flush()
    environ = _environment()
    usual = [getattr(signal, name) for name in _IGNORED_BY_PYTHON]
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in usual}
    try:
        _started(argv, lambda path, words: os.execve(path, words, environ))  # noqa: S606  # the user's own command
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _environment() -> "Mapping[str, str]":
    """The environment of the command: with its caller's LC_CTYPE, not Python's, by which `wc -m` counts otherwise."""
    if os.environ.get("LC_CTYPE") not in _COERCED:
        return os.environ
    try:
        with open(_ENVIRONMENT, "rb") as file:
            started = file.read().split(b"\0")
    except OSError:
        return os.environ
    found = {name: value for name, value in os.environ.items() if name != "LC_CTYPE"}
    for entry in started:
        if entry.startswith(b"LC_CTYPE="):
            found["LC_CTYPE"] = os.fsdecode(entry[9:])
    return found


def _started(argv: list[str], start: "Callable[[str, list[str]], int]") -> int:
    """Start the command as execvp(3) does. Python's own omits one half: a file that the system does not recognize as a
    program is run by the shell.
    """
    name = argv[0]
    failed = OSError()
    for path in [name] if "/" in name else [os.path.join(directory, name) for directory in os.get_exec_path()]:
        try:
            return start(path, argv)
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                return start(_SHELL, [_SHELL, path, *argv[1:]])
            if error.errno not in _NOT_THIS_ONE:
                raise
            if failed.errno != errno.EACCES:
                failed = error  # in the end, the first that says that a file is there
    raise failed


def _forked(path: str, argv: list[str], env: "Mapping[str, str]", before: "Any") -> int:
    """As `posix_spawn`, in a Python that has none (PyPy). Raises `OSError`."""
    import subprocess

    def release() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    # One system call is safe between a fork and an exec, and the command is what the user typed.
    process = subprocess.Popen(argv, executable=path, env=env, close_fds=False, preexec_fn=release)  # noqa: PLW1509, S603
    process.returncode = 0  # as if it had ended: we wait for it ourselves, and Python would warn
    return process.pid


def end_by(number: int) -> None:
    """End this process by the signal that ended the command, without a core dump that overwrites the command's."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if number != signal.SIGKILL:  # which no handler can catch
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def flush() -> None:
    """Write what a host has printed so far, before the command prints."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _send(process: int, number: int) -> None:
    try:
        os.kill(process, number)
    except PermissionError:
        pass  # the command is another user's by now, as under `sudo`: without us the sender would have been refused


def _group(process: int) -> int:
    """What to send a signal to that is for all of the command: minus its process group, if it leads one (`timeout`)."""
    return -process if os.getpgid(process) == process else process


def _stop(process: int) -> None:
    """Stop this process as Ctrl-Z does, until it is continued; unless the command has been continued meanwhile."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})
    handler = signal.getsignal(signal.SIGTSTP)
    if handler != signal.SIG_DFL:  # Python lets only the main thread set it
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTSTP)  # held, so that one that came already is one with it
    # Whoever continues the whole group now takes the signal back; who did it before this line is not to wait for us.
    if _goes_on(process):
        _drop(signal.SIGTSTP)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP})
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if handler != signal.SIG_DFL:
        signal.signal(signal.SIGTSTP, handler)


def _goes_on(process: int) -> bool:
    """Whether the command, which was stopped, has been continued, or has ended, maybe between the two looks."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:  # while it is just ending, only Linux tells
            state = file.read().rpartition(b") ")[2][:1]
    except OSError:
        state = b"T"
    if hasattr(os, "waitid") and os.waitid(os.P_PID, process, os.WCONTINUED | os.WEXITED | os.WNOHANG | os.WNOWAIT):
        return True
    return state in b"RSDX"


def _drop(pending: int) -> None:
    getattr(signal, "sigtimedwait", lambda held, _: signal.sigwait(held))([pending], 0)


def _ours_alone(got: "signal.struct_siginfo", process: int) -> bool:
    """Whether a signal reached us but not the command: another process sent it (then its code is not positive), or the
    terminal hung up, which the kernel signals only to the leader of the session. What the command itself sends to its
    process group (`kill 0`) it has got.
    """
    if got.si_code <= 0:
        return got.si_pid != process
    return got.si_signo == signal.SIGHUP and os.getsid(0) == os.getpid()


def _in_foreground() -> bool:
    """Whether the terminal's keys reach us, and so the command too, which is in the same process group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
