"""Faults that the system itself makes: a full file system, one without inodes, one that is mounted read-only for a
while, a process without descriptors, a limit on the size of files.

What must hold of a process that lives through one: `flush` says no while it lasts, `off` says that it was not stored,
nothing is printed; when it ends, all that waited follows, in order and once, without a call of the host's.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("resource", reason="limits of processes as on Unix")

BEGIN = r"""
import errno, json, os, resource, subprocess, sys, time
import discreet

home = os.environ["HOME"]
directory = os.path.join(home, ".mytool", "telemetry")

def mount(options):
    subprocess.run(["mount", "-o", options, home], check=True)

def fill(sizes=(4096, 1)):
    with open(f"{home}/filler", "ab", buffering=0) as filler:
        for size in sizes:
            try:
                while True:
                    filler.write(b"x" * size)
            except OSError as error:
                assert error.errno == errno.ENOSPC

def wait_for(number):
    # Nobody asks for it: the thread tries again by itself.
    for _ in range(2000):
        whole = []
        if os.path.exists(f"{directory}/usage.jsonl"):
            with open(f"{directory}/usage.jsonl") as file:
                whole = [line for line in file if line.endswith("}}\n")]
        if len(whole) >= number:
            return [json.loads(line)["properties"]["n"] for line in whole] == list(range(number))
        time.sleep(0.01)
    return whole

telemetry = discreet.init("mytool", version="1.0")
"""
READ_ONLY = """
discreet.track("search", n=0)
assert discreet.flush(10)
mount("remount,ro")
discreet.track("search", n=1)
print(discreet.flush(10), telemetry.main(["off"]), flush=True)
discreet.track("search", n=2)
mount("remount,rw")
print(wait_for(3), telemetry.main(["off"]), flush=True)
"""
FULL = """
fill()
discreet.track("search", n=0)
discreet.track("search", n=1)
print(discreet.flush(10), telemetry.main(["off"]), flush=True)
os.unlink(f"{home}/filler")
print(wait_for(2), telemetry.main(["off"]), flush=True)
"""
NO_INODES = """
made = []
try:
    while True:
        open(f"{home}/filler{len(made)}", "x").close()
        made.append(f"{home}/filler{len(made)}")
except OSError as error:
    assert error.errno == errno.ENOSPC
discreet.track("search", n=0)
print(discreet.flush(10), telemetry.main(["off"]), flush=True)
for path in made:
    os.unlink(path)
print(wait_for(1), telemetry.main(["off"]), flush=True)
"""
NO_DESCRIPTORS = """
discreet.track("search", n=0)
assert discreet.flush(10)
taken = []
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
try:
    while True:
        taken.append(os.open(os.devnull, os.O_RDONLY))
except OSError as error:
    assert error.errno == errno.EMFILE
discreet.track("search", n=1)
print(discreet.flush(10), flush=True)
discreet.track("search", n=2, text="not declared")
print(discreet.flush(10), flush=True)
for descriptor in taken:
    os.close(descriptor)
print(wait_for(3), flush=True)
"""
LIMITED = """
discreet.track("search", n=0)
assert discreet.flush(10)
size = os.path.getsize(f"{directory}/usage.jsonl")
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (3 * size + 50, most))
for number in range(1, 5):
    discreet.track("search", n=number)
print(discreet.flush(10), flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
print(wait_for(5), flush=True)
"""


def in_a_mount(program: str, options: str, home: Path, environment: dict[str, str]) -> Any:
    """Run a program in a name space of its own, with a file system at its home that is nobody else's."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    mount = f'mount -t tmpfs -o {options} none "$0" || exit 99; exec "$@"'
    run = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, str(home), sys.executable, "-W", "error", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    if run.returncode == 99 or (run.returncode and "unshare" in run.stderr):
        pytest.skip("no right to mount here")
    return run


@pytest.fixture
def agreed(environment: dict[str, str]) -> dict[str, str]:
    """The environment of a user who agreed by a variable, since their home is empty."""
    return {**environment, "MYTOOL_TELEMETRY_OPT_IN": "true"}


@pytest.mark.parametrize(
    ("program", "options"),
    [(READ_ONLY, "size=64k"), (FULL, "size=64k"), (NO_INODES, "size=64k,nr_inodes=20")],
    ids=["read-only", "full", "no inodes"],
)
def test_a_mount(program: str, options: str, home: Path, agreed: dict[str, str]) -> None:
    """A file system that takes nothing for a while: `off` cannot be stored and says so, and recording goes on."""
    run = in_a_mount(BEGIN + program, options, home, agreed)
    lines = run.stdout.splitlines()
    assert run.returncode == 0, run.stderr
    assert lines[0] == "False 1"
    assert lines[-1] == "True 0"
    (complaint,) = run.stderr.splitlines()
    assert complaint.startswith("mytool telemetry: your no could not be stored in ")
    assert "(Read-only file system)" in complaint or "(No space left on device)" in complaint
    assert complaint.endswith("`export MYTOOL_NO_TELEMETRY=1` stops it")


@pytest.mark.parametrize(
    ("program", "said"),
    [(NO_DESCRIPTORS, ["False", "False", "True"]), (LIMITED, ["False", "True"])],
    ids=["no descriptors", "a limit on files"],
)
def test_a_limit(program: str, said: list[str], run_python: Any, directory: Path) -> None:
    """A process at one of its limits for a while: what waits is on the log by itself once there is room, each line
    once, and a write that was cut short tore one line at most.
    """
    (directory / "opt-in").write_text("true\n")
    run = run_python(BEGIN + program, env={"DISCREET_DEBUG": "0"})
    assert (run.returncode, run.stdout.splitlines(), run.stderr) == (0, said, "")
    lines = (directory / "usage.jsonl").read_bytes().splitlines()
    torn = [line for line in lines if line and not line.endswith(b"}}")]
    assert len(torn) == (program == LIMITED)
    ids = [json.loads(line)["id"] for line in lines if line and line not in torn]
    assert len(ids) == len(set(ids))
