"""posthog: events of nobody, and properties that are PostHog's only where their name has a `$`."""

import json
from typing import Any

from hypothesis import given

from discreet.sending import wire
from discreet.sending.wire.posthog import ASKED, FACTS
from wire.cases import API_KEY, RECORDS, batches, destination, precisions, records


def events(batch: list[dict[str, Any]], **options: Any) -> list[dict[str, Any]]:
    """The events of a batch; fails on anything else in the envelope."""
    body = json.loads(wire.encode(batch, destination("posthog", **options)).body)
    assert list(body) == ["api_key", "historical_migration", "batch"]
    assert (body["api_key"], body["historical_migration"]) == (API_KEY, False)
    return body["batch"]


@given(batch=batches, precision=precisions)
def test_events_are_exactly_the_records(batch: list[dict[str, Any]], precision: str) -> None:
    """In their order: id, time, run or installation, properties with their nesting, and the facts of the record."""
    for event, record in zip(events(batch, time_precision=precision), batch, strict=True):
        sent = event.pop("properties")
        assert event == {
            "event": record["event"],
            "distinct_id": record.get("install", record["run"]),
            "uuid": record["id"],
            "timestamp": wire.cut(record["time"], precision),
        }
        ours = {name: value for name, value in sent.items() if name.startswith("$")}
        assert ours == {name: record[fact] for fact, name in FACTS.items() if record[fact]} | ASKED
        theirs = {name: value for name, value in sent.items() if name not in ours}
        assert repr(theirs) == repr(record["properties"])


@given(records)
def test_a_property_never_replaces_what_is_asked_of_posthog(record: dict[str, Any]) -> None:
    """Not even one with a name that no declaration can have."""
    hostile = dict.fromkeys((*ASKED, *FACTS.values()), "theirs")
    (event,) = events([{**record, "properties": {**hostile, **record["properties"]}}])
    assert {name: event["properties"][name] for name in ASKED} == ASKED
    assert event["properties"]["$app_name"] == record["tool"]


def test_no_person_no_place_no_address() -> None:
    """Asked of PostHog with every event, whatever the record."""
    for event in events(RECORDS):
        properties = event["properties"]
        assert properties["$process_person_profile"] is False
        assert properties["$geoip_disable"] is True
        assert properties["$ip"] is None


def test_runs_are_not_linked_unless_asked() -> None:
    """`distinct_id` is the run's, new with every process; the installation's only where the record has one."""
    found = {event["uuid"]: event["distinct_id"] for event in events(RECORDS)}
    for record in RECORDS:
        assert found[record["id"]] == (record["install"] if "install" in record else record["run"])


def test_neither_the_moment_of_sending_nor_the_client() -> None:
    """No `sent_at`, and nothing of the machine that the record does not hold."""
    text = wire.encode(RECORDS, destination("posthog")).body.decode()
    assert not [name for name in ("sent_at", "$lib", "$os_version", "$os_distro", "$is_server") if name in text]
