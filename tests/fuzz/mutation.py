"""Inputs nearly right: seeds that are spoilt at a few places, the same ones for the same random generator.

No coverage guides the choice, which would need a compiler's help; instead the seeds are right in every detail, and what
is put into them is what parsers stumble over.
"""

import random
from collections.abc import Sequence

_TEXTS = (
    *'{}[]()<>",:;=%&?#@/\\+-_.|* \t\r\n\f\v\0\x1b\x7f',
    *("\r\n", "\r\n\r\n", "\n\n", "//", "..", "://", "@", "%00", "%0d%0a", "%zz", "&lt;", "<script>", "'''", '"""'),
    *("{}", "[]", '""', "[[[[[[[[", "{" * 40, "[" * 1200, '{"a":' * 300, "]]", "}}", ",,", '"', "\\u0000", "\\ud800"),
    *("\\udfff", "\\", "\\u00e9", "null", "true", "false", "NaN", "Infinity", "-Infinity", "nan", "inf", "1e999"),
    *("-0", "0", "1", "01", "-1", "1.5", "1e3", "0x1f", "1_000", "9007199254740992", "9007199254740993", "1e308"),
    *("2147483648", "9223372036854775808", "9" * 17, "0" * 17, "9" * 400, "9" * 5000, "0" * 5000, "f" * 64),
    *("0x" + "f" * 5000, "1." + "3" * 500, "-" * 20, "a" * 65, "a" * 257, "a" * 5000, " " * 252, " " * 300, "\n" * 50),
    *("true", "enhanced", "yes", "on", "off", "TRUE", "truth", "ON", "true\0", "tru", "e", "20", "2026-11-20"),
    *("T24:00:00Z", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30", "dddd-dd-ddTdd:dd:ddZ", "d", "Z"),
    *("v", "id", "time", "event", "tool", "properties", "install", '"v":1,', '"v":2', '"time":"",', "__proto__"),
    *("\ufeff", "\u2028", "\x85", "\u202e", "\u0661", "\uff11", "\u00e4", "\U0001f600", "\u0130", "\u017f", "\ufffd"),
    *(
        "chunked",
        "gzip",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Host: x\r\n",
        "HTTP/1.1",
        "0\r\n\r\n",
    ),
)
TOKENS = (
    *(text.encode() for text in _TEXTS),
    *(
        b"\xff",
        b"\xfe",
        b"\xff\xfe",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b"\xc3",
        b"\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
    ),
    *(b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\xc0\x80"),
)
_EDITS = (0, 1, 1, 1, 2, 2, 3, 6)  # of one input; one in eight is a seed as it is
MOST_BYTES = 48 * 1024  # of one input: repeated doubling must not make this a test of memory


def mutated(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds, spoilt."""
    pick = rng.random
    data = seeds[int(pick() * len(seeds))]
    for _ in range(_EDITS[int(pick() * len(_EDITS))]):
        start = int(pick() * (len(data) + 1))
        end = min(len(data), start + int(pick() ** 3 * 40))
        kind = pick()
        if kind < 0.3:
            new = TOKENS[int(pick() * len(TOKENS))]
            end = start if kind < 0.15 else end  # inserted, or in the place of something
        elif kind < 0.45:
            new = bytes((int(pick() * 256),))
            end = start + 1
        elif kind < 0.6:  # a piece from elsewhere in the same input
            there = int(pick() * (len(data) + 1))
            new = data[there : there + 1 + int(pick() ** 3 * 40)]
            end = start + len(new) if kind < 0.55 else start
        elif kind < 0.7:
            new = b""
        elif kind < 0.8:  # said twice
            new = data[start:end] * 2
        elif kind < 0.9:  # the rest of another seed
            other = seeds[int(pick() * len(seeds))]
            new, end = other[int(pick() * (len(other) + 1)) :], len(data)
        else:  # cut off
            new, end = b"", len(data) if kind < 0.95 else end
        data = (data[:start] + new + data[end:])[:MOST_BYTES]
    return data
