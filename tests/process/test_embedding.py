"""Inside other people's programs: vendored, zipped, in a bare environment, under every way to do things at once.

Each program runs twice, once with a stand-in for the package that does nothing. The two cannot be told apart from
outside, every event is on the log exactly once, and what is on the log arrives exactly once.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
import time
import venv
import zipapp
from pathlib import Path
from typing import Any

import pytest

from faults.servers import BEHAVIOURS, Server, serving
from process.hosts import PACKAGE, STATUS, Hosts, arrived, same

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at processes through /proc")

TELEMETRY = """
{first}
import os, sys
sys.path[:0] = {path!r}
import {package} as discreet
discreet.init(
    {tool!r},
    version="1.0",
    events={{"search": {{"n": discreet.Number()}}}},
    destination=discreet.Destination({url!r}, batch_size=1, batch_interval=0),
    delivery={delivery!r},
)
"""
WITHOUT = """
{first}
import os, sys
class discreet:
    track = staticmethod(lambda *event, **properties: None)
    flush = close = staticmethod(lambda *timeout: True)
"""
ONE = """
discreet.track("search", n=0)
print("to stdout")
print("to stderr", file=sys.stderr)
sys.exit(3)
"""
FLAGS = [["-I"], ["-S"], ["-I", "-S"], ["-O"], ["-OO"], ["-W", "error"], ["-X", "dev", "-W", "error"]]


class Embedded:
    """Programs of the user of `hosts` that bring the package along in some way, or do without."""

    def __init__(self, hosts: Hosts, server: Server) -> None:
        self.hosts = hosts
        self.server = server
        self.python = [sys.executable, "-W", "error"]
        self.package = "discreet"
        self.path = [str(hosts.library)]

    def source(self, body: str, *, first: str = "", delivery: str = "auto", tool: str = "mytool", url: str = "") -> str:
        """The program `body` with telemetry; `first` runs before the import."""
        url = url or self.server.url
        values = {"first": first, "path": self.path, "package": self.package, "tool": tool, "url": url}
        return TELEMETRY.format(delivery=delivery, **values) + body

    def run(self, source: str, name: str = "host.py") -> "subprocess.CompletedProcess[bytes]":
        """Run a program text to its end."""
        script = self.hosts.scratch / name
        script.write_text(source)
        return self.start([*self.python, str(script)])

    def start(self, command: list[str]) -> "subprocess.CompletedProcess[bytes]":
        """Run a command to its end, which comes when all that inherited its streams have closed them."""
        return subprocess.run(
            command, env=self.hosts.environment, cwd=self.hosts.scratch, capture_output=True, timeout=50, check=False
        )

    def check(self, body: str, events: int, *, first: str = "") -> None:
        """Run `body` with telemetry and without; `events` records with n = 0, 1, ... are logged and arrive once."""
        self.record(body, events, first=first)
        self.all_arrive()

    def check_of_many(self, body: str, events: int) -> None:
        """As `check` where several processes record and hand over.

        A run before lets the destination be seen: it takes up nothing that others recorded before that.
        """
        self.run(self.source(f"discreet.track('search', n={events})"))
        self.all_arrive()
        self.record(body, events + 1)
        self.all_arrive()

    def record(self, body: str, events: int, *, first: str = "") -> None:
        """Run `body` with telemetry and without; the log has `events` records with n = 0, 1, ... then."""
        bare = self.run(WITHOUT.format(first=first) + body)
        assert bare.returncode == STATUS, bare.stderr
        assert same(self.run(self.source(body, first=first)), bare)
        assert sorted(self.numbers()) == list(range(events))

    def numbers(self, tool: str = "mytool") -> list[int]:
        """The `n` of all records of a log."""
        log = self.hosts.home / f".{tool}" / "telemetry" / "usage.jsonl"
        return [json.loads(line)["properties"]["n"] for line in log.read_bytes().splitlines()]

    def all_arrive(self) -> None:
        """What is on the log arrives, exactly once."""
        logged = self.hosts.logged()
        end = time.monotonic() + 20
        while len(arrived(self.server.requests)) < len(logged) and time.monotonic() < end:
            time.sleep(0.01)
        self.hosts.wait_for_the_end()
        assert sorted(arrived(self.server.requests)) == sorted(logged)
        assert len(set(logged)) == len(logged)


@pytest.fixture
def embedded(hosts: Hosts) -> Any:
    """Programs whose records go to a server that takes them all."""
    with serving(BEHAVIOURS["ok"]) as server:
        yield Embedded(hosts, server)


def copied(place: Path) -> None:
    """Copy the package to `place`, in a package of its own, as one vendors it."""
    shutil.copytree(PACKAGE, place, ignore=shutil.ignore_patterns("__pycache__"))
    (place.parent / "__init__.py").touch()


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
def test_a_vendored_copy_delivers(embedded: Embedded, flags: list[str]) -> None:
    """Copied to `mytool/_vendor/discreet`, with any flag of the interpreter, its own child delivers, and no other
    copy is there to be found.
    """
    site = embedded.hosts.scratch / "site"
    copied(site / "mytool" / "_vendor" / "discreet")
    (site / "mytool" / "__init__.py").touch()
    embedded.package, embedded.path = "mytool._vendor.discreet", [str(site)]
    embedded.python[1:] = flags
    embedded.check(ONE, 1, first="import sys\nsys.modules['discreet'] = None")


def test_two_vendored_copies_deliver(embedded: Embedded) -> None:
    """Two tools that vendor a copy each, in one process: each has its own log, each delivers its own records, and the
    end of one is not the end of the other.
    """
    hosts, body = embedded.hosts, "import sys\nsys.modules['discreet'] = None\n"
    with serving(BEHAVIOURS["ok"]) as one, serving(BEHAVIOURS["ok"]) as other:
        for tool, server in (("one", one), ("other", other)):
            directory = hosts.home / f".{tool}" / "telemetry"
            directory.mkdir(parents=True)
            (directory / "opt-in").write_text("true\n")
            copied(hosts.scratch / "site" / tool / "discreet")
            embedded.package, embedded.path = f"{tool}.discreet", [str(hosts.scratch / "site")]
            body += embedded.source(f"{tool} = discreet\n", tool=tool, url=server.url)
        body += "one.track('search', n=1)\none.close()\nother.track('search', n=2)\none.track('search', n=3)\n"
        result = embedded.run(body + "print('done')\nsys.exit(3)\n")
        assert (result.returncode, result.stdout, result.stderr) == (STATUS, b"done\n", b"")
        assert (embedded.numbers("one"), embedded.numbers("other")) == ([1, 3], [2])
        one.wait(1)
        other.wait(1)
        hosts.wait_for_the_end()
        sent = [[json.loads(request.body)["records"] for request in server.requests] for server in (one, other)]
    assert [{record["tool"] for batch in batches for record in batch} for batches in sent] == [{"one"}, {"other"}]


@pytest.mark.parametrize("flags", [["-I"], ["-S"], ["-OO"], ["-W", "error"]], ids=" ".join)
def test_a_zip_application(embedded: Embedded, flags: list[str]) -> None:
    """From a `zipapp` with a vendored copy inside: a short run records, one that lives delivers by its thread, and
    nobody tries to start a file that is none.
    """
    scratch, receipts = embedded.hosts.scratch, embedded.hosts.directory / "receipts.jsonl"
    copied(scratch / "app" / "mytool" / "_vendor" / "discreet")
    (scratch / "app" / "mytool" / "__init__.py").touch()
    embedded.package, embedded.path = "mytool._vendor.discreet", []
    body = f"""
discreet.track("search", n=len(sys.argv) - 1)
print("to stdout")
import time
end = time.monotonic() + 8  # less than what makes any process a long-lived one
while sys.argv[1:] and time.monotonic() < end and not (
    os.path.exists({str(receipts)!r}) and os.path.getsize({str(receipts)!r})
):
    time.sleep(0.01)
sys.exit(3)
"""
    (scratch / "app" / "__main__.py").write_text(embedded.source(body))
    zipapp.create_archive(scratch / "app", scratch / "app.pyz")
    shutil.rmtree(scratch / "app")
    command = [sys.executable, *flags, str(scratch / "app.pyz")]
    for arguments in ([], ["long"]):
        result = embedded.start([*command, *arguments])
        assert (result.returncode, result.stdout, result.stderr) == (STATUS, b"to stdout\n", b"")
        assert not embedded.hosts.children()
    assert embedded.numbers() == [0, 1]
    embedded.all_arrive()


def test_an_environment_without_pip(embedded: Embedded) -> None:
    """In a virtual environment that holds nothing but the package it records and delivers, isolated as well."""
    folder = embedded.hosts.scratch / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    shutil.copytree(PACKAGE, site / "discreet", ignore=shutil.ignore_patterns("__pycache__"))
    embedded.python, embedded.path = [str(folder / "bin" / "python"), "-I", "-W", "error"], []
    embedded.check(f"assert sys.prefix == {str(folder)!r}, sys.prefix\n" + ONE, 1)


AT_ONCE = {
    "threads": (
        200,
        """
import threading
threads = [threading.Thread(target=discreet.track, args=("search",), kwargs={"n": n}) for n in range(200)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit(3)
""",
    ),
    "threads that nobody ends": (
        100,
        """
import threading
here = threading.Barrier(101)
def work(n):
    discreet.track("search", n=n)
    here.wait()
    threading.Event().wait()
for n in range(100): threading.Thread(target=work, args=(n,), daemon=True).start()
here.wait()
sys.exit(3)
""",
    ),
    "a pool of threads": (
        100,
        """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(20) as pool:
    list(pool.map(lambda n: discreet.track("search", n=n), range(100)))
sys.exit(3)
""",
    ),
    "asyncio": (
        52,
        """
import asyncio
async def work(n):
    await asyncio.sleep(0)
    discreet.track("search", n=n)
async def main():
    await asyncio.gather(*map(work, range(50)))
    await asyncio.to_thread(discreet.track, "search", n=50)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print('a child of the host')")
    print(await process.wait())
    discreet.track("search", n=51)
asyncio.run(main())
sys.exit(3)
""",
    ),
}


@pytest.mark.parametrize("what", AT_ONCE)
def test_at_once(embedded: Embedded, what: str) -> None:
    """Many at it in one process: every event once, and the end waits for nobody who has not ended."""
    number, body = AT_ONCE[what]
    embedded.check(body, number)


PROCESSES = {
    "Process": """
    workers = [context.Process(target=work, args=(n,)) for n in range(2)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
""",
    "Pool": """
    pool = context.Pool(2)
    pool.map(work, range(2), chunksize=1)
    pool.close()
    pool.join()
""",
    "ProcessPoolExecutor": """
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        list(pool.map(work, range(2)))
""",
}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("pool", PROCESSES)
def test_workers_deliver(embedded: Embedded, pool: str, method: str) -> None:
    """Workers, however they are kept and started, end by `os._exit`: what they tracked is logged and delivered."""
    body = f"""
import multiprocessing
def work(n):
    discreet.track("search", n=n)
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    {PROCESSES[pool]}
    discreet.track("search", n=2)
    sys.exit(3)
"""
    embedded.check_of_many(body, 3)


def test_sub_interpreters(embedded: Embedded) -> None:
    """Several at once, each with its own copy of everything, beside a main one: what they track is written when they
    are destroyed, though none of them closes, and it is delivered.
    """
    name = next((name for name in ("_xxsubinterpreters", "_interpreters") if importlib.util.find_spec(name)), None)
    if name is None:
        pytest.skip("no sub-interpreters here")
    body = f"""
# the program
import threading, {name} as interpreters
with open(__file__) as file: head = file.read().partition("# the program")[0]
def work(n):
    inner = interpreters.create()
    interpreters.run_string(inner, head + f"discreet.track('search', n={{n}})")
    interpreters.destroy(inner)
threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
discreet.track("search", n=3)
sys.exit(3)
"""
    embedded.check_of_many(body, 4)


# What gevent's `monkey.patch_all()` does to the standard library, with a baton in the place of its hub: one "thread" at
# a time, and another one only where somebody waits for a lock or sleeps. (With real gevent: tests/interop.)
PATCHED = """
import _thread, time
_start, _allocate, _sleep = _thread.start_new_thread, _thread.allocate_lock, time.sleep
baton = _allocate()
baton.acquire()

def giving_way(wait):
    def patched(*arguments, **options):
        baton.release()
        try:
            return wait(*arguments, **options)
        finally:
            baton.acquire()
    return patched

class Lock:
    def __init__(self):
        lock = _allocate()
        self.acquire, self.release, self.locked = giving_way(lock.acquire), lock.release, lock.locked
    def __enter__(self):
        return self.acquire()
    def __exit__(self, *_):
        self.release()

def start_new_thread(function, arguments, options={}):
    def run():
        baton.acquire()
        try:
            function(*arguments, **options)
        finally:
            baton.release()
    return _start(run, ())

def patch():
    _thread.start_new_thread, _thread.allocate_lock = start_new_thread, Lock
    time.sleep = giving_way(_sleep)
"""


@pytest.mark.parametrize("when", ["before", "after", "in the middle"])
def test_patched_modules(embedded: Embedded, when: str) -> None:
    """Where threads, locks and sleep are replaced by cooperative ones, before the package is imported, after it, or
    after the first event: it still records, and its end waits without stopping the thread that it waits for.
    """
    first = PATCHED + ("patch()\n" if when == "before" else "")
    body = "patch()\n" if when == "after" else ""
    body += "discreet.track('search', n=0)\n"
    body += "patch()\n" if when == "in the middle" else ""
    body += """
done = []
def work(n):
    time.sleep(0.001)
    discreet.track("search", n=n)
    done.append(n)
for n in range(1, 20): _thread.start_new_thread(work, (n,))
while len(done) < 19: time.sleep(0.001)
print(discreet.flush(10.0))
discreet.track("search", n=20)
sys.exit(3)
"""
    embedded.check(body, 21, first=first)
