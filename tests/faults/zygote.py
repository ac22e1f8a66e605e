"""A program that has loaded the package, and forks a process for each program text that it is given to run.

    -> {"program": "...", "argv": [...], "env": {...}, "fault": [7, "once", 28], "directory": "...", "answers": [200]}
    <- {"status": 3, "out": "...", "err": "...", "calls": [...], "swallowed": [...], "sent": [...], "end": {...}}

A line of JSON each. The forked process is real in all but its imports: streams, exit handlers and threads of its own,
and an end as every interpreter's. No network is in it: what would be sent is noted, and answered by `answers`.
"""

import atexit
import gc
import importlib
import json
import mmap
import os
import pkgutil
import signal
import sys
import tempfile
from typing import Any

import discreet
from discreet.log import Log
from discreet.sending import http
from discreet.telemetry import Recorder
from faults.disk import Disk, Fault

FILE_BYTES = 3_000  # of the log, so that rotations come early
PATIENCE = 30.0  # seconds that the end waits for the thread, on however busy a machine
HANG = 50  # seconds after which a process is ended: it hangs
NOTES = 1 << 18  # bytes
LEFT_OUT = ("__main__", "testing", "collector", "click", "typer")  # rooms that none of these programs enters


def main() -> None:
    """Run what is asked for, one after the other. The arguments name rooms that are not loaded before."""
    for module in pkgutil.walk_packages(discreet.__path__, "discreet."):
        if module.name.split(".")[1] not in LEFT_OUT and module.name.rpartition(".")[2] not in (
            *LEFT_OUT,
            *sys.argv[1:],
        ):
            importlib.import_module(module.name)
    Log.__init__.__kwdefaults__["file_bytes"] = FILE_BYTES
    Recorder.close.__defaults__ = (PATIENCE,)
    gc.freeze()
    while order := sys.stdin.buffer.readline():
        answer = run(json.loads(order))
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Run one program to its end. In the forked process this never returns."""
    notes, out, err = mmap.mmap(-1, NOTES), nameless(), nameless()
    process = os.fork()
    if not process:
        signal.alarm(HANG)
        be(order, notes, out, err)
    _, status = os.waitpid(process, 0)
    told = notes[: notes.find(b"\0")].decode().splitlines()
    notes.close()
    return {
        "status": os.waitstatus_to_exitcode(status),
        "out": content(out),
        "err": content(err),
        "calls": [line[1:] for line in told if line[0] == " "],
        "swallowed": [line[1:] for line in told if line[0] == "!"],
        "sent": [json.loads(line[1:]) for line in told if line[0] == ">"],
        "end": next((json.loads(line[1:]) for line in told if line[0] == "="), {}),
    }


def be(order: dict[str, Any], notes: mmap.mmap, out: int, err: int) -> None:
    """Become the program."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = ["host.py", *order["argv"]]
    # The writing thread runs when the host waits, and never between two of its records: the same calls in each run.
    sys.setswitchinterval(60)
    space: dict[str, Any] = {"__name__": "__main__"}
    before = descriptors()

    def note(kind: str, text: str) -> None:
        notes.write(f"{kind}{text}\n".encode())

    def tell_the_end() -> None:
        telemetry = space.get("telemetry")
        end = {"leaked": len(descriptors()) - len(before)}
        if telemetry is not None:
            end |= {"off": telemetry.off, "losses": telemetry.losses}
        note("=", json.dumps(end))

    swallow = Recorder.swallow

    def told(self: Recorder, reason: str, error: Exception) -> None:
        note("!", f"{reason} {type(error).__name__} {getattr(error, 'errno', None)}")
        swallow(self, reason, error)

    def exchange(request: Any, **_: Any) -> http.Outcome:
        note(">", json.dumps(json.loads(request.body)))
        status = order["answers"].pop(0) if order.get("answers") else 200
        return http.Outcome(status, None, "", 0.1)

    atexit.register(tell_the_end)  # before the package's own, so after it
    Recorder.swallow = told  # type: ignore[method-assign]
    http.exchange = exchange
    fault = order.get("fault")
    Disk(Fault(*fault) if fault else None, order["directory"], lambda text: note(" ", text)).install()
    exec(compile(order["program"], "host.py", "exec"), space)
    raise SystemExit


def nameless() -> int:
    """A file for a stream: a descriptor, since an object would complain at the end of the forked process."""
    descriptor, path = tempfile.mkstemp()
    os.unlink(path)
    return descriptor


def content(descriptor: int) -> str:
    """What was written to it; closed then."""
    with open(descriptor, "rb") as file:
        file.seek(0)
        return file.read().decode()


def descriptors() -> list[str]:
    """Those that are open."""
    return os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []


if __name__ == "__main__":
    main()
