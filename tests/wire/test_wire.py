"""What holds for every format: exact bytes, determinism, precision, bounds, and the doors."""

import importlib
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given

from discreet import destination as destinations
from discreet.sending import wire
from discreet.sending.records import parse
from wire.cases import GOLDEN, LINES, RECORDS, destination, drawn, forms, precisions, records, times

HEAVY = ("dataclasses", "typing", "enum", "urllib", "gzip", "datetime", "calendar", "base64", "zlib", "binascii")


def test_the_golden_records_are_lines_of_a_log() -> None:
    """Each is read back as a record and written the same: compact, in UTF-8, keys in the order of the design."""
    for line in LINES:
        assert json.dumps(parse(line), ensure_ascii=False, separators=(",", ":")) == line


@pytest.mark.parametrize("form", wire.FORMATS)
def test_the_exact_bytes(form: str) -> None:
    """The same list of records makes exactly these requests, byte for byte, on every machine."""
    batches = [RECORDS] if wire.FORMATS[form] > 1 else [[record] for record in RECORDS]
    requests = [drawn(wire.encode(batch, destination(form))) for batch in batches]
    assert b"\n".join(request + b"\n" for request in requests) == GOLDEN.joinpath(f"{form}.http").read_bytes()


def test_every_format_of_a_destination_has_its_row() -> None:
    """Neither table has a format that the other lacks; a beacon is one record, a request of any other 500 at most."""
    assert tuple(wire.FORMATS) == destinations.FORMATS
    assert {**dict.fromkeys(destinations.FORMATS, 500), "beacon": 1} == wire.FORMATS


@pytest.mark.parametrize("form", wire.FORMATS)
def test_every_format_is_made_by_its_module(form: str) -> None:
    """None is made by another one's, for want of a branch."""
    module = importlib.import_module(f"discreet.sending.wire.{form}")
    where = destination(form)
    assert drawn(wire.encode(RECORDS[:1], where)) == drawn(module.encode(RECORDS[:1], where))


@given(record=records, other=times, form=forms, precision=precisions)
def test_nothing_of_the_time_leaks_beyond_the_precision(
    record: dict[str, Any], other: str, form: str, precision: str
) -> None:
    """Two records that differ only in what is cut off make the same request: no bit of it tells them apart."""
    where = destination(form, time_precision=precision)
    kept = len(wire.cut(record["time"], precision).rstrip("0:TZ"))
    kept = max(kept, {"day": 10, "hour": 13, "minute": 16, "second": 19}[precision])
    twin = {**record, "time": record["time"][:kept] + other[kept:]}
    first, second = wire.encode([record], where), wire.encode([twin], where)
    assert drawn(first) == drawn(second)
    assert first.sent == second.sent


@given(record=records, form=forms)
def test_the_same_records_make_the_same_request(record: dict[str, Any], form: str) -> None:
    """Read back from the log a second time, and for a destination made a second time; the records stay as they were."""
    text = json.dumps(record)
    first = wire.encode([record], destination(form))
    second = wire.encode([json.loads(text)], destination(form))
    assert (drawn(first), first.sent, first.content) == (drawn(second), second.sent, second.content)
    assert json.dumps(record) == text


@given(record=records, form=forms)
def test_only_what_is_drawn_leaves(record: dict[str, Any], form: str) -> None:
    """Whatever else somebody put into a record is in no request."""
    where = destination(form)
    assert drawn(wire.encode([{**record, "hostname": "secret", "v2": [1]}], where)) == drawn(
        wire.encode([record], where)
    )


@pytest.mark.parametrize("form", wire.FORMATS)
def test_a_request_carries_one_up_to_its_bound(form: str) -> None:
    """No empty envelope is ever made, and none that is overfull."""
    most = wire.FORMATS[form]
    assert wire.encode(RECORDS[:1] * most, destination(form)).url
    for number in (0, most + 1):
        with pytest.raises(ValueError, match=f"1 to {most}"):
            wire.encode(RECORDS[:1] * number, destination(form))


def sized(number: int, length: int) -> dict[str, Any]:
    """A record with so long a text, told from others by its number."""
    return {**RECORDS[0], "properties": {"n": number, "text": "x" * length}}


@pytest.mark.parametrize("form", wire.FORMATS)
@pytest.mark.parametrize(
    "lengths",
    [
        [],
        [10],
        [10] * 1203,
        [3000] * 700,
        [15_000] * 40 + [10] * 900,
        [10] * 499 + [200_000, 10, 600_000, 600_000, 10, 200_000],
        [0, 200_000] * 5,
    ],
)
def test_batches_keep_both_bounds_and_everything(form: str, lengths: list[int]) -> None:
    """All records, in their order, each once; no batch over a bound but one record alone."""
    given_records = [sized(number, length) for number, length in enumerate(lengths)]
    batches = list(wire.split(given_records, destination(form)))
    assert [record for batch, _ in batches for record in batch] == given_records
    for batch, request in batches:
        assert 1 <= len(batch) <= wire.FORMATS[form]
        assert len(request.body) <= wire.BODY_BYTES or len(batch) == 1
        assert drawn(request) == drawn(wire.encode(batch, destination(form)))
    if form != "beacon":  # no two neighbours would fit into one by far
        for (one, first), (two, second) in pairwise(batches):
            assert len(one) + len(two) > 250 or len(first.body) + len(second.body) > wire.BODY_BYTES // 2


@pytest.mark.parametrize("form", ["json", "otlp", "posthog"])
def test_what_is_too_large_is_learned_once(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of one size are encoded once each, but for those of the first batch: a deliverer has little time."""
    encoded: list[int] = []
    encode = wire.encode
    monkeypatch.setattr(wire, "encode", lambda batch, where: encoded.append(len(batch)) or encode(batch, where))
    given_records = [sized(number, 3000) for number in range(1500)]
    assert len(list(wire.split(given_records, destination(form)))) == len(encoded) - 1
    assert sum(encoded) <= 1500 + wire.FORMATS[form]


def test_a_batch_is_encoded_when_it_is_asked_for() -> None:
    """Whoever stops after a refusal has paid for no more than was sent."""
    batches = wire.split([RECORDS[0], {"not": "a record"}], destination("beacon"))
    assert next(batches)[0] == RECORDS[:1]
    with pytest.raises(KeyError):
        next(batches)


def test_the_doors_are_lazy(run_python: Callable[..., Any]) -> None:
    """A deliverer loads the one format that it delivers, and nothing that costs more than it does."""
    program = f"""
import json, sys
from discreet.sending import wire
from discreet.destination import Destination
def loaded():
    return {{name.rpartition(".")[2] for name in sys.modules if name.startswith("discreet.sending.wire.")}}
assert loaded() == {{"facts", "request"}}, loaded()
record = json.loads({LINES[0]!r})
before = set(sys.modules)
for form in ("beacon", "otlp", "posthog", "json"):
    wire.encode([record], Destination("https://example.org/", format=form)).sent
    assert form in loaded()
    assert len(loaded()) <= 6
heavy = [name for name in {HEAVY!r} if name in set(sys.modules) - before]
assert not heavy, heavy
"""
    done = run_python(program, flags=["-S"], env={"PYTHONPATH": str(GOLDEN.parents[2] / "src")})
    assert (done.returncode, done.stderr) == (0, "")
