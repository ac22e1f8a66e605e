"""The proof: secrets planted in everything that a host can pass, through every conversion, into every output.

`pytest tests/privacy/test_canary.py --canaries 5000000` plants more of them. What a real process shows beside its
events (its environment, its arguments, its verbs, its child) is in tests/process/test_canary.py.
"""

import base64
import json
from pathlib import Path

import pytest

from conftest import agreed
from discreet import names
from discreet.destination import Destination
from discreet.log import Encoder
from discreet.privacy import Filter
from discreet.privacy.declaration import CONVERSIONS, Declaration
from discreet.sending import wire
from discreet.sending.distrust import Distrust
from discreet.sending.installation import Pseudonyms
from privacy import canaries
from privacy.canaries import FIELDS

CLOSED = Declaration({"search": FIELDS, "open": {"fields": FIELDS, "sample": 0.5}})
# In an open world a legal name is the author's own word: there secrets are put where no legal name is.
WORLDS: "dict[str, tuple[Declaration | None, tuple[str, ...], tuple[str, ...]]]" = {
    "declared": (CLOSED, ("search", "open"), tuple(FIELDS)),
    "common fields": (Declaration(fields=FIELDS), ("search", "anything"), (*FIELDS, "bare")),
    "nothing declared": (None, ("search", "command"), ("n", "command", "error", "success", "duration_ms", "bare")),
}
WIRE = [Destination(f"https://a.example/{path}", format=form, api_key="phc_key") for form, path in (
    ("beacon", "b"), ("json", "t"), ("otlp", "v1/traces"), ("posthog", "batch/"))]  # fmt: skip


def test_every_conversion_is_there() -> None:
    """A conversion that is added is put to the proof, or this fails."""
    assert {type(row) for row in CLOSED.events["search"].values()} >= set(CONVERSIONS.values())


def test_the_search_finds_what_is_there() -> None:
    """A canary is found in every form, so that a proof without a finding is one."""
    for secret in (*canaries.TEXTS, *canaries.HALVES):
        raw = secret.encode()
        for form in canaries.forms(secret):
            assert canaries.leaks(f"before {form} behind")
        for lead in range(3):
            assert canaries.leaks(base64.b64encode(b"x" * lead + raw + b"yy"))
        assert canaries.leaks(json.dumps({"a": secret})) or "\\u" in json.dumps(secret)
    for number in canaries.NUMBERS:
        assert canaries.leaks(f'{{"n":{number}}}')


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.timeout(600)
def test_no_canary_comes_out(world: str, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    """However a host holds a secret and wherever it passes it, no form of it is in a line of the log, nor in what any
    wire format makes of that; nor is the salt.
    """
    declaration, names_, fields = WORLDS[world]
    paths = names.Paths("mytool", {}, str(tmp_path))
    pseudonyms = Pseudonyms(paths, None, agreed)
    cleaner = Filter(declaration, "enhanced", pseudonyms, lambda _: None, pseudonyms.draw)
    encoder = Encoder("mytool", "1.4.0")
    number = pytestconfig.getoption("canaries") // len(WORLDS) + 1
    lines: list[bytes] = []
    for name, properties in canaries.events(names_, fields, number, seed=79):
        try:
            cleaned = cleaner.clean(name, properties)
        except (ValueError, TypeError, AttributeError):
            continue  # the caller's border drops the event
        if cleaned is not None:
            lines.append(encoder.encode(name, cleaned))
    assert len(lines) > number / 20
    found = b"".join(lines)
    assert canaries.leaks(found) == []
    if declaration is not None:
        assert (tmp_path / "salt").read_bytes().strip() not in found
    _check_the_wire(lines[:: max(1, len(lines) // 6_000)], declaration)


def _check_the_wire(lines: list[bytes], declaration: Declaration | None) -> None:
    distrust = Distrust("mytool", declaration, "enhanced")
    records = [record for record, _ in (distrust.judge(line, 0.0) for line in lines) if record is not None]
    assert len(records) == len(lines)
    for destination in WIRE:
        shown = []
        for batch, request in wire.split(records, destination):
            shown += [f"{request.method} {request.url} {dict(request.headers)}".encode(), request.content]
            assert batch
        assert canaries.leaks(b"\n".join(shown)) == []
