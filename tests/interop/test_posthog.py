"""PostHog against its official client: the same server, the same events, key by key."""

import json
import uuid
from datetime import datetime
from typing import Any

import pytest

from discreet.destination import Destination
from discreet.sending import wire
from discreet.sending.wire import flags
from discreet.sending.wire.posthog import ASKED, FACTS
from interop.peers import Received, Recorder, captured, exchange, needed
from wire.cases import API_KEY, RECORDS

posthog = needed("posthog")

# What the official client tells of the machine and of itself without being asked; none of it leaves here.
UNASKED = {
    "$python_runtime",
    "$python_version",
    "$os",
    "$os_version",
    "$os_distro",
    "$lib",
    "$lib_version",
    "$geoip_disable",
    "$is_server",
}


def sent_by_client(recorder: Recorder, records: list[dict[str, Any]], **options: Any) -> list[Received]:
    """The requests that the official client makes of the same events."""
    client = posthog.Posthog(API_KEY, host=recorder.url, flush_at=1, **options)
    for record in records:
        client.capture(
            record["event"],
            distinct_id=record.get("install", record["run"]),
            uuid=record["id"],
            timestamp=datetime.fromisoformat(wire.cut(record["time"], "hour")),
            properties={**record["properties"], "$process_person_profile": False},
        )
    client.shutdown()
    return list(recorder.received)


def sent_by_us(recorder: Recorder, records: list[dict[str, Any]]) -> Received:
    """The request that we make."""
    before = len(recorder.received)
    assert exchange(wire.encode(records, Destination.posthog(API_KEY, recorder.url)))[0] == 200
    return recorder.received[before]


def test_every_event_is_the_official_clients_key_by_key(recorder: Recorder) -> None:
    """Same path, envelope and event keys, same ids, times and properties; only what it adds unasked is missing."""
    theirs = sent_by_client(recorder, RECORDS)
    assert len(theirs) == len(RECORDS)
    ours = sent_by_us(recorder, RECORDS)
    body = json.loads(ours.body)
    for request, our_event, record in zip(theirs, body["batch"], RECORDS, strict=True):
        envelope = json.loads(request.body)
        assert request.path == ours.path == "/batch/"
        assert request.headers["content-type"] == ours.headers["content-type"]
        assert set(envelope) - {"sent_at"} == set(body)
        assert all(envelope[key] == body[key] for key in ("api_key", "historical_migration"))
        (their_event,) = envelope["batch"]
        assert set(their_event) == set(our_event)
        assert all(their_event[key] == our_event[key] for key in ("event", "distinct_id", "uuid"))
        assert datetime.fromisoformat(their_event["timestamp"]) == datetime.fromisoformat(our_event["timestamp"])
        check_properties(their_event["properties"], our_event["properties"], record)


def check_properties(theirs: dict[str, Any], ours: dict[str, Any], record: dict[str, Any]) -> None:
    """The declared properties equal, ours only those that the format names besides, theirs what nobody asked for."""
    assert set(theirs) - set(record["properties"]) - {"$process_person_profile"} == UNASKED
    assert set(ours) - set(record["properties"]) == set(ASKED) | {name for fact, name in FACTS.items() if record[fact]}
    for name, value in record["properties"].items():
        assert repr(theirs[name]) == repr(ours[name]) == repr(value)
    for name in ("$process_person_profile", "$geoip_disable"):
        assert theirs[name] is ours[name]
    assert ours["$ip"] is None


def test_compression_is_declared_as_the_official_client_does(recorder: Recorder) -> None:
    """A gzip body under the same header; the recorder reads both with the same reader."""
    (theirs,) = sent_by_client(recorder, RECORDS[5:6], gzip=True)
    ours = sent_by_us(recorder, RECORDS)
    assert theirs.headers["content-encoding"] == ours.headers["content-encoding"] == "gzip"
    assert json.loads(theirs.body)["batch"][0]["uuid"] == json.loads(ours.body)["batch"][5]["uuid"]


def test_a_retry_keeps_its_uuids_as_the_official_clients_does(recorder: Recorder) -> None:
    """After a 503 both send the same event under the same uuid; ours is the same request to the byte."""
    recorder.statuses = [503]
    first, second = sent_by_client(recorder, RECORDS[:1], max_retries=2)
    assert [json.loads(attempt.body)["batch"][0]["uuid"] for attempt in (first, second)] == [RECORDS[0]["id"]] * 2
    recorder.statuses = [503]
    request = wire.encode(RECORDS, Destination.posthog(API_KEY, recorder.url))
    assert [exchange(request)[0], exchange(wire.encode(RECORDS, Destination.posthog(API_KEY, recorder.url)))[0]] == [
        503,
        200,
    ]
    assert recorder.received[2] == recorder.received[3]


@pytest.mark.parametrize("status", ["s408", "s429", "s503"])
def test_captured_retries_keep_their_uuids(status: str) -> None:
    """What was captured of the official client says the same of every status that is tried again."""
    attempts = [
        json.loads(file.read_text()) for file in sorted(captured(f"posthog-python-7.91.1/errors/{status}").iterdir())
    ]
    uuids = [[event["uuid"] for event in attempt["body"]["batch"]] for attempt in attempts]
    assert len(attempts) > 1
    assert all(sent == uuids[0] for sent in uuids)


@pytest.mark.parametrize(
    ("client", "without"),
    [
        ("posthog-python-7.91.1/basic", {"sent_at"}),
        ("posthog-python-7.91.1/gzip", {"sent_at"}),
        ("posthog-node-5.70.0/basic", {"sent_at"}),
        ("posthog-node-5.70.0/nogzip", {"sent_at"}),
    ],
)
def test_captured_envelopes_have_our_keys(client: str, without: set[str]) -> None:
    """The envelope and the events of both official clients, as captured, have the keys that ours have."""
    capture = json.loads(captured(client).joinpath("001_POST_batch.json").read_text())
    body = json.loads(wire.encode(RECORDS, Destination.posthog(API_KEY)).body)
    optional = {"historical_migration"}  # Node leaves it out
    assert set(capture["body"]) - without - optional == set(body) - optional
    for event in capture["body"]["batch"]:
        assert set(body["batch"][0]) <= set(event)
        assert uuid.UUID(event["uuid"])
    assert (capture["method"], capture["path"]) == ("POST", wire.encode(RECORDS, Destination.posthog(API_KEY)).target)


@pytest.mark.parametrize("client", ["posthog-python-7.91.1/flags", "posthog-node-5.70.0/flags"])
def test_captured_questions_for_flags_say_more_than_ours(client: str) -> None:
    """The same place and the same keys, of which ours has those that name the project, whom, and no place."""
    request = flags.ask(Destination.posthog(API_KEY), "mytool", "anon-1")
    ours = json.loads(request.body)
    for file in sorted(captured(client).glob("*_flags.json")):
        capture = json.loads(file.read_text())
        theirs = {"api_key" if key == "token" else key: value for key, value in capture["body"].items()}
        assert (capture["method"], capture["path"]) == (request.method, request.target.partition("?")[0])
        assert set(ours) < set(theirs)
        assert (ours["distinct_id"], ours["geoip_disable"]) == (theirs["distinct_id"], theirs["geoip_disable"])


@pytest.mark.parametrize("client", ["posthog-python-7.91.1/flags", "posthog-node-5.70.0/flags"])
def test_captured_answers_about_flags(client: str) -> None:
    """Of each that was captured, every flag is read as its variant, or as whether it is on."""
    for file in sorted(captured(client).glob("*_flags.json")):
        answer = json.loads(file.read_text())["answered"]["json"]
        found, whole = flags.read(json.dumps(answer).encode())
        assert whole is not answer["errorsWhileComputingFlags"]
        expected = {key: flag["variant"] or flag["enabled"] for key, flag in answer["flags"].items()}
        assert {key: flag and json.loads(flag[0]) for key, flag in found.items()} == expected


@pytest.mark.parametrize(("case", "whole"), [("errors", False), ("legacy", True), ("quota", None), ("s500", None)])
def test_captured_answers_that_are_none(case: str, whole: bool | None) -> None:
    """Errors while computing, the shape of an old server, a quota used up, an empty body."""
    file = captured(f"posthog-python-7.91.1/flags-errors/{case}").joinpath("001_POST_flags.json")
    body = json.dumps(json.loads(file.read_text())["answered"]["json"]).encode()
    if whole is None:
        with pytest.raises(ValueError):  # noqa: PT011  # whatever it says
            flags.read(body)
        return
    found, complete = flags.read(body)
    assert complete is whole
    assert found == ({"checkout-redesign": ('"test"', "{}")} if case == "legacy" else {})
