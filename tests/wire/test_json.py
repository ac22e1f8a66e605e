"""json: the records as they are on the log, but for their time."""

import json
from typing import Any

from hypothesis import given

from discreet.sending import wire
from wire.cases import LINES, RECORDS, batches, destination, precisions


@given(batch=batches, precision=precisions)
def test_the_body_is_exactly_the_records(batch: list[dict[str, Any]], precision: str) -> None:
    """Decoded, they are the records given, in their order, with their times cut, every value of its own type."""
    request = wire.encode(batch, destination("json", time_precision=precision))
    found = json.loads(request.body)
    assert found == {"records": [{**record, "time": wire.cut(record["time"], precision)} for record in batch]}
    for sent, record in zip(found["records"], batch, strict=True):
        assert repr(sent["properties"]) == repr(record["properties"])  # 1, 1.0 and True are equal to Python


def test_a_record_is_written_as_the_log_writes_it() -> None:
    """To the second, each record in the body is the line of the log, byte for byte."""
    body = wire.encode(RECORDS, destination("json", time_precision="second")).body
    assert body == ('{"records":[' + ",".join(LINES) + "]}").encode()


def test_keys_have_their_order_whatever_the_records() -> None:
    """Who has read the log knows where to look, even where a record was put together elsewhere."""
    shuffled = dict(reversed(RECORDS[11].items()))
    where = destination("json")
    assert wire.encode([shuffled], where).body == wire.encode([RECORDS[11]], where).body


def test_a_property_replaces_no_fact() -> None:
    """Properties have a mapping of their own: a field `time` is a field, and stays as it is."""
    record = {**RECORDS[0], "properties": {"time": "2026-11-20T10:30:59Z", "id": 5}}
    (sent,) = json.loads(wire.encode([record], destination("json", time_precision="day")).body)["records"]
    assert (sent["time"], sent["id"]) == ("2026-11-20T00:00:00Z", record["id"])
    assert sent["properties"] == record["properties"]
