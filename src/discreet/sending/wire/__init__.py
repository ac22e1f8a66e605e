"""The wire: records in, requests out. Pure encoders, one module a format.

    records, destination  --encode-->  Request(method, url, headers, body)  -->  http

    format    carries      what it looks like
    beacon    1 record     GET url?t=mytool&e=search&...
    json      500 records  POST {"records": [...]}
    otlp      500 records  POST {"resourceSpans": [...]}, to any OpenTelemetry receiver
    posthog   500 records  POST {"api_key": ..., "batch": [...]}

The rule that keeps it honest: no clock, no randomness, no file and no socket. The same records and destination make the
same bytes, so what is previewed, what is sent, what is sent again and what a receipt vouches for are one thing.

A record given here was checked before (`sending.records`, `privacy.accept`): its `id` is a UUID, its `time` is real,
its properties are closed types, nested one level at most. Only the keys that a format names are read.

A new format is a module with an `encode`, a row in `FORMATS`, a branch here, and its name in `destination.FORMATS`.
"""

from .facts import cut, flat
from .request import Request, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ...destination import Destination
    from ..records import Record

__all__ = ["BODY_BYTES", "FORMATS", "Request", "cut", "encode", "flat", "split"]

# How many records a request may carry: as many as the OpenTelemetry and PostHog clients put into one, or a single one
# if a URL must hold it.
FORMATS = {"beacon": 1, "json": 500, "otlp": 500, "posthog": 500}
BODY_BYTES = 512 * 1024  # of a body before its content encoding: half of what nginx takes by default


def encode(records: "list[Record]", destination: "Destination") -> Request:
    """The one request that carries all of `records`, 1 up to what `FORMATS` says, else `ValueError`.

    Raises `TypeError` or `ValueError` for records that were not checked before, with a NaN or a list as a value, say.
    """
    if not 1 <= len(records) <= FORMATS[destination.format]:
        raise ValueError(f"a {destination.format} request carries 1 to {FORMATS[destination.format]} records")
    form: Any
    if destination.format == "beacon":
        from . import beacon as form
    elif destination.format == "otlp":
        from . import otlp as form
    elif destination.format == "posthog":
        from . import posthog as form
    else:
        from . import json as form
    request: Request = form.encode(records, destination)
    return request


def split(records: "list[Record]", destination: "Destination") -> "Iterator[tuple[list[Record], Request]]":
    """All of `records` in their order, as batches within both bounds, each with its request.

    One record alone may be over `BODY_BYTES`: it cannot be split. Lazy: a batch is encoded when it is asked for. To
    halve a batch that was too large for a server, hand its halves in again.
    """
    start, ratio = 0, 0.0  # bytes of body per character of its records (`size`): known once a body was too large
    while start < len(records):
        batch = records[start : start + FORMATS[destination.format]]
        if ratio:
            batch = _fitting(batch, ratio)
        request = encode(batch, destination)
        while len(request.body) > BODY_BYTES and len(batch) > 1:
            ratio = len(request.body) / sum(map(size, batch))
            batch = _fitting(batch, ratio)  # fewer: by this very ratio all of them are over the bound
            request = encode(batch, destination)
        yield batch, request
        start += len(batch)


def _fitting(records: "list[Record]", ratio: float) -> "list[Record]":
    """The first of `records`, one at least, whose body is likely within `BODY_BYTES`."""
    room = BODY_BYTES / ratio
    for number, record in enumerate(records):
        room -= size(record)
        if room < 0:
            return records[: number or 1]
    return records
