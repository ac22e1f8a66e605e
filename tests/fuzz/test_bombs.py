"""Bombs: small or plain inputs that want much time or memory. Each parser meets them in a process of little memory.

The bound on time is the one of a hang, that of the child process; the bound on memory is the kernel's.
"""

import subprocess
from collections.abc import Callable

import pytest

pytest.importorskip("resource", reason="there is no bound on a process's memory to be had here")

MEMORY = 320 << 20  # bytes of address space, most of it the interpreter's own
SECONDS = 60  # a hang, on any machine
HEAD = f"""
import gzip, json, os, resource, sys
from collections import Counter
from discreet import manifest, names
from discreet.collector.check import Check
from discreet.collector.desk import Desk
from discreet.collector.http import BODY_BYTES, Refusal, Request
from discreet.collector.store import Store
from discreet.report import packs, read
from discreet.sending import flags, headers, losses, outbox, receipts, records, state
from discreet.sending.wire import flags as flags_answer

resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
paths = names.Paths("mytool", {{}}, os.path.join(os.environ["HOME"], "data"))
os.makedirs(paths.directory)

def tighten(room):
    "From here on, only so many bytes more than now; where the system does not say how many those are, as before."
    if os.path.exists("/proc/self/statm"):
        with open("/proc/self/statm") as file:
            most = int(file.read().split()[0]) * resource.getpagesize() + room
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

def put(key, data):
    with open(paths[key], "wb") as file:
        file.write(data)

def refused(kinds, parse, *arguments):
    try:
        parse(*arguments)
    except kinds:
        return True
    return False

def posted(body, path="/t", **headers):
    request = Request("POST", path, "1", headers)
    request.body = body
    try:
        return DESK.answer(request).status
    except Refusal as refusal:
        return refusal.status

def small_files(data):
    for key in ("delivery", "losses", "flags", "receipts"):
        put(key, data)
    assert state.load(paths["delivery"]).places == {{}}
    assert losses.read(paths["losses"]) == {{}}
    assert flags.read(paths["flags"]).values == {{}}
    assert [one for one in receipts.read(paths) if one] == []

DESK = Desk(Store(paths.directory), Check())
"""
BOMBS = {
    "nested 100,000 deep": """
for bomb in (b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000):
    assert refused(ValueError, records.parse, bomb.decode())
    assert refused(ValueError, flags_answer.read, bomb)
    assert refused(ValueError, flags_answer.read, b'{"flags":{},"quotaLimited":' + bomb + b"}")
    assert [posted(bomb, path) for path in ("/t", "/v1/traces", "/batch/", "/flags/")] == [400] * 4
    small_files(bomb)
    place = os.path.join(paths.directory, "x.toml")
    for text in (b"a = " + bomb[:60_000], b"a." * 30_000 + b"a = 1", b"[" + b"a." * 30_000 + b"a]"):
        with open(place, "wb") as file:
            file.write(text)
        assert refused(ValueError, manifest.read, place)
""",
    "at the edge of what may be nested": """
# What JSON can just be read, its text must be had as well, or nobody asks for it.
for depth in range(880, 1000):
    nested = b"[" * depth + b"]" * depth
    refused(ValueError, flags_answer.read, b'{"flags":{},"quotaLimited":' + nested + b"}")
    refused(ValueError, flags_answer.read, b'{"flags":{"a":{"value":' + nested + b"}}}")
    posted(b'{"node":' + nested + b"}")
    posted(b'{"records":[{"go":' + nested + b"}]}")
    posted(b'{"batch":[{"timestamp":' + nested + b',"properties":{"$os":' + nested + b"}}]}", "/batch/")
    posted(b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":' + nested + b"}]}]}]}", "/v1/traces")
""",
    "gzip of 1:1000": """
packed = gzip.compress(bytes(64 << 20))
assert len(packed) < (64 << 20) // 1000 + 1000
tighten(40 << 20)
assert posted(packed, **{"content-encoding": "gzip"}) == 413
assert posted(gzip.compress(packed), **{"content-encoding": "gzip"}) == 400
put("log", packed)
lost = Counter()
assert list(read.lines([paths["log"]], lost)) == [] and lost == {read.TOO_LONG: 1}
""",
    "numbers of 100,000 digits": """
digits = b"9" * 100_000
for number in (digits, b"-" + digits, b"0." + digits, b"1e" + digits, digits + b".5", b'"' + digits + b'"'):
    assert refused((ValueError, LookupError), records.parse, '{"v":1,"time":%s}' % number.decode())
    refused(ValueError, flags_answer.read, b'{"flags":{"a":{"value":' + number + b"}}}")
    assert posted(b'{"records":[{"v":' + number + b"}]}") in (400, 422)
    posted(b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":' + number + b"}]}]}]}", "/v1/traces")
    posted(b'{"batch":[{"timestamp":' + number + b"}]}", "/batch/")
    small_files(b'{"a":' + number + b"}")
    refused(ValueError, headers.parsed, "a: " + number.decode())
""",
    "a line of 48 MB without an end": """
put("log", b"a" * (48 << 20))
tighten(24 << 20)
lost = Counter()
assert list(read.lines([paths["log"]], lost)) == [] and lost == {read.TOO_LONG: 1}
assert list(packs.packs([paths["log"]])) == []
assert list(outbox.pending(paths, state.Place("", ""))) == []
for key in ("receipts", "delivery", "losses", "flags", "consent"):
    os.link(paths["log"], paths[key])
assert list(receipts.read(paths)) == []
assert state.load(paths["delivery"]).places == losses.read(paths["losses"]) == flags.read(paths["flags"]).values == {}
""",
    "a million keys that are the same": """
keys = b'{' + b'"a":1,' * 1_000_000 + b'"a":1}'
assert refused(LookupError, records.parse, keys.decode())
assert refused(ValueError, flags_answer.read, keys)
assert flags_answer.read(b'{"flags":' + keys.replace(b":1", b":{}") + b"}")[0] == {"a": ("false", "")}
assert posted(b'{"records":[' + keys + b"]}") == 413
small_files(keys.replace(b"a", b"-"))
""",
    "a log of newlines": """
put("log", b"\\n" * (1 << 20))
lost = Counter()
assert list(read.lines([paths["log"]], lost)) == [] and not lost
assert list(packs.packs([paths["log"]], lost)) == [] and not lost
assert sum(1 for _ in outbox.pending(paths, state.Place("", ""))) == 1 << 20
""",
    "variables of 128 KiB": """
for text in ("a: " + "," * 128_000, "a=" + "%" * 128_000, "a=1," * 32_000, "a," * 64_000, ":" * 128_000):
    refused(ValueError, headers.parsed, text)
""",
    "texts of a megabyte, which nobody need remember": """
for number in range(400):
    moment = b"%d%s" % (number, b"a" * 1_000_000)
    assert posted(b'{"records":[{"v":1,"time":"%s","event":"e","tool":"t","properties":{}}]}' % moment) == 422
""",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb(name: str, run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """It is refused or read, within the memory of a small process."""
    done = run_python(HEAD + BOMBS[name], timeout=SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
