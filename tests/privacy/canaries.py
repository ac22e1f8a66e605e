"""Secrets that must never come out, the forms in which they might, and seeded events that carry them everywhere.

Each secret stands for a kind of thing a host can have at hand. A leak shows by a plain search for its forms.
"""

import base64
import collections
import hashlib
import pathlib
import random
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

from discreet.names import legal_name

TEXTS = (
    "/home/zx9-ada/thesis-zx9/chapter.tex",
    "C:\\Users\\Zx9Ada\\Documents\\offer.docx",
    "zx9.ada@mail.example",
    "zx9-ada",
    "zx9-laptop.local",
    "ghp_Zx9Canary0123456789abcdefABCDEF",
    "SELECT name FROM zx9_patients",
    "203.0.113.79",
    "2001:db8::5a78",
    "\uff5a\uff58\uff19\uff0d\uff41\uff44\uff41",  # full-width look-alikes
    "zx9\u2011\u0430d\u0430",  # Cyrillic ones, and a hyphen that does not break
    "zx9\ncanary\t\x1b[31m",
)
NUMBERS = (
    4915112345678,
    3405803855,
    79927398713,
)  # a telephone, an address, a card: bare numbers of ten digits or more
DECLARED_NUMBERS = ("aggregate", "duration_ms", "exit_code", "number")
# Every conversion, and those with options that change what leaves. A bare number leaves where its author declared it as
# one, so a secret number has no business in those two.
FIELDS: dict[str, Any] = {
    "forbid": "forbid",
    "boolean": "boolean",
    "boolean_by_lot": {"boolean": {"epsilon": 1.0}},
    "count": "count",
    "hash": "hash",
    "text_count": "text_count",
    "distribution": {"distribution": ["json", "py"]},
    "aggregate": {"aggregate": True, "level": "enhanced"},
    "number": {"number": {"buckets": [0, 10, 100]}},
    "one_of": {"one_of": ["json", "table"]},
    "one_of_by_lot": {"one_of": ["json", "table"], "epsilon": 1.0},
    "version": "version",
    "nested": {"n": "count", "deep": "text_count", "json": {"one_of": ["py"]}},
}
HALVES = ("zx9can-first", "second-ary79")  # a secret that was split in two


def forms(secret: str) -> set[str]:
    """What a secret may come out as: itself, in another case, escaped, encoded, or as a digest without a key."""
    raw = secret.encode()
    found = {secret, secret.lower(), secret.upper(), urllib.parse.quote(secret), urllib.parse.quote_plus(secret)}
    found |= {raw.hex(), raw.hex().upper(), secret.encode("unicode_escape").decode(), repr(secret)[1:-1], secret[::-1]}
    # In the middle of something longer base64 has three forms; characters at the ends depend on the neighbours.
    for lead, first in enumerate((0, 2, 3)):
        encoded = base64.b64encode(b"\0" * lead + raw).decode().rstrip("=")
        found.add(encoded[first : len(encoded) - bool((lead + len(raw)) % 3)])
    for kind in ("md5", "sha1", "sha256", "sha512", "blake2b"):
        digest = hashlib.new(kind, raw).hexdigest()
        found |= {digest[:16], digest.upper()[:16]}  # who finds the beginning finds all of it
    return {form for form in found if len(form) > 5}


FORMS = frozenset().union(*map(forms, (*TEXTS, *HALVES)), map(str, NUMBERS))


def leaks(output: str | bytes) -> list[str]:
    """The forms of secrets that are in an output."""
    text = output if isinstance(output, str) else output.decode("utf-8", "replace")
    return sorted(form for form in FORMS if form in text)


class Talkative:
    """An object that says the secret whatever it is asked."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __str__(self) -> str:
        return self.secret

    __repr__ = __fspath__ = __str__

    def __len__(self) -> int:
        return len(self.secret)

    def __iter__(self) -> Iterator[str]:
        return iter((self.secret,))

    def __format__(self, _: str) -> str:
        return self.secret


class Text(str):
    """A text of a class of the host's."""

    __slots__ = ()


# How a host may hold a secret.
HOLDERS: tuple[Callable[[str], object], ...] = (
    str,
    Text,
    str.encode,
    lambda secret: bytearray(secret.encode()),
    pathlib.PurePosixPath,
    Talkative,
    ValueError,
    lambda secret: [secret],
    lambda secret: (secret, 1),
    lambda secret: {secret},
    lambda secret: {secret: 1},
    lambda secret: {"json": secret, "n": {"deep": [secret]}},
    lambda secret: collections.Counter([secret, "py"]),
    lambda secret: [Talkative(secret), secret.encode()],
    lambda secret: base64.b64encode(secret.encode()).decode(),
    lambda secret: secret.encode().hex(),
    lambda secret: f"json {secret}",
    lambda secret: [*HALVES, secret[: len(secret) // 2], secret[len(secret) // 2 :]],
)


def _held(draw: random.Random) -> object:
    return draw.choice(HOLDERS)(draw.choice(TEXTS))


def events(
    names: tuple[str, ...], fields: tuple[str, ...], number: int, seed: int
) -> Iterator[tuple[Any, dict[Any, Any]]]:
    """So many events whose names, keys and values hold secrets, or are declared (`names`, `fields`) beside them.

    What an author says by writing it down is left to the author: a legal event or command name, which comes from the
    code, and a bare number in a field that was declared as a number.
    """
    draw = random.Random(seed)
    for _ in range(number):
        name: Any = draw.choice(names) if draw.random() < 0.9 else _unnamed(draw)
        keys: list[Any] = draw.sample(fields, 3)
        if draw.random() < 0.2:
            keys.append(draw.choice(TEXTS))
        yield name, {key: _value(draw, key) for key in keys}


def _value(draw: random.Random, key: str) -> object:
    if key == "command":
        return _unnamed(draw)
    return draw.choice(NUMBERS) if draw.random() < 0.1 and key not in DECLARED_NUMBERS else _held(draw)


def _unnamed(draw: random.Random) -> object:
    while legal_name(held := _held(draw)):
        pass
    return held
