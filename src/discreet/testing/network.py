"""Who opens a connection? Watching a command from outside, in two ways.

    every Python process     an audit hook (PEP 578), put there by a `sitecustomize` on PYTHONPATH: which call, where to
    Linux, if allowed        a network namespace without any interface: the kernel counts what wanted to leave it

The rule that keeps it honest: `assert_no_network` says what neither of them can see, and their silence is called a
proof of nothing more.
"""

import os
import shutil
import subprocess
import sys

# Imported by each Python process at its start. Then it imports the `sitecustomize` that it hides, if any.
_HOOK = """\
import os, sys

CALLS = {{"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}}

def watch(event, arguments):
    if event not in CALLS:
        return
    place = arguments[1] if event in ("socket.connect", "socket.sendto", "socket.sendmsg") else arguments[:2]
    if isinstance(place, tuple) and place[0]:
        seen = os.open({seen!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(seen, f"{{event}} {{place}}\\n".encode("utf-8", "backslashreplace"))
        os.close(seen)

sys.addaudithook(watch)
own = sys.modules.pop(__name__)
sys.path.remove({place!r})
try:
    import sitecustomize
except ImportError:
    sys.modules[__name__] = own
"""
# Runs a command in the namespace, and writes what the kernel counted to the file that is the first argument.
# `OutNoRoutes` are connections and packets (a name lookup is one) that no interface could take; the others are what
# would leave if there was one. Source: RFC 4293 and 4022, by the names of Linux's /proc/net/snmp.
_COUNTER = """\
import subprocess, sys

def attempts():
    with open("/proc/self/net/snmp") as file:
        lines = [line.split() for line in file]
    counts = {head[0] + name: int(count) for head, row in zip(lines[::2], lines[1::2])
              for name, count in zip(head[1:], row[1:])}
    return sum(counts[name] for name in ("Ip:OutNoRoutes", "Ip:OutRequests", "Tcp:ActiveOpens"))

before = attempts()
status = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    file.write(str(attempts() - before))
sys.exit(status if status >= 0 else 128 - status)
"""
_NAMESPACES = (("--net",), ("--user", "--map-current-user", "--net"))  # as root, and as anybody


class Watch:
    """Watches commands that are run with `prefix` before them and in `environment`; its files lie in `place`."""

    def __init__(self, place: str) -> None:
        self._place = os.path.join(place, "watch")
        self._seen = os.path.join(place, "seen")
        self._counted = os.path.join(place, "counted")
        os.mkdir(self._place)
        with open(os.path.join(self._place, "sitecustomize.py"), "w", encoding="utf-8") as file:
            file.write(_HOOK.format(seen=self._seen, place=self._place))
        unshare = _unshare()
        self.prefix = [*unshare, sys.executable, "-I", "-S", "-c", _COUNTER, self._counted] if unshare else []

    def environment(self, environ: "dict[str, str]") -> "dict[str, str]":
        """`environ` with the hook in it."""
        paths = [self._place, *filter(None, [environ.get("PYTHONPATH")])]
        return {**environ, "PYTHONPATH": os.pathsep.join(paths)}

    def seen(self) -> list[str]:
        """What was seen so far, a line each."""
        found = _lines(self._seen)
        counted = "".join(_lines(self._counted))
        if not found and counted not in ("", "0"):
            found.append(f"{counted} by a program that is not Python, or hides from its hook (counted by the kernel)")
        return found


def _unshare() -> list[str]:
    """The command that runs another one without any network; empty if there is none."""
    path = shutil.which("unshare") if sys.platform == "linux" else None
    for options in _NAMESPACES if path else ():
        command = [str(path), *options]
        tried = subprocess.run([*command, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603  # found on the PATH, once
        if tried.returncode == 0:
            return command
    return []


def _lines(path: str) -> list[str]:
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()
