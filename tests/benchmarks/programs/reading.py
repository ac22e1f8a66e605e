"""Make a log, or read one: by `json.loads` a line at a time, or by the report, to its figures.

reading.py make FILE RECORDS     the same records for the same number, of commands, searches and sampled sessions
reading.py loads FILE            prints the seconds, and the most KiB that were ever resident
reading.py report FILE           the same; fails unless all records are counted and none is lost
"""

import json
import random
import sys
import time
from collections import Counter

COMMANDS = ("import.from_code", "search", "export", "lint.run")


def make(path, records):
    """Write lines exactly as the log does, over three months."""
    from discreet.log import Encoder

    chance = random.Random(7)
    encoders = [Encoder("mytool", version) for version in ("1.3.2", "1.4.0", "1.4.1")]
    with open(path, "wb") as file:
        for _ in range(records):
            moment = 1_790_000_000 + chance.randrange(90 * 86_400)
            line = chance.choice(encoders).encode(*event(chance), lambda moment=moment: moment)
            python = chance.choice((b"3.11.7", b"3.12.1", b"3.13.0"))
            file.write(line.replace(b"%d.%d.%d" % sys.version_info[:3], python, 1))


def event(chance):
    """One event with its properties, as the filter lets them out."""
    kind = chance.random()
    if kind < 0.7:
        took = int(chance.lognormvariate(6, 1.5))
        ok = chance.random() < 0.95
        files = int(chance.lognormvariate(3, 1))
        facts = {"command": chance.choice(COMMANDS), "duration_ms": took, "success": ok, "exit_code": 0, "files": files}
        return "command", facts
    if kind < 0.9:
        took = round(chance.expovariate(0.02), 1)
        fmt = chance.choice(("json", "table", "other"))
        return "search", {"fmt": fmt, "results": chance.randint(0, 200), "ms": took, "fuzzy": chance.random() < 0.3}
    langs = {"py": chance.randint(0, 5), "js": chance.randint(0, 5)}
    return "session", {"searches": chance.randint(0, 40), "lang": langs, "sample_rate": 0.1}


def loads(path):
    """The yardstick."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            json.loads(line)


def report(path):
    """What the verb does, but for the printing."""
    from discreet.report.document import document
    from discreet.report.packs import packs
    from discreet.report.summarize import summarize

    skipped = Counter()
    return document(summarize(packs([path], skipped)), None, skipped)


def check(path, found):
    """All lines are in the figures."""
    with open(path, "rb") as file:
        if found["skipped"] or found["events"] != sum(1 for _ in file):
            sys.exit("records were lost")


if sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]))
else:
    start = time.perf_counter()
    found = {"loads": loads, "report": report}[sys.argv[1]](sys.argv[2])
    seconds = time.perf_counter() - start
    if found is not None:
        check(sys.argv[2], found)
    with open("/proc/self/status", encoding="ascii") as status:
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    print(seconds, peak)
