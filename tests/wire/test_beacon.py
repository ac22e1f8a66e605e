"""beacon: one record, one URL, and reserved keys that no property can replace."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.sending import wire
from discreet.sending.wire.beacon import RESERVED, URL_BYTES
from discreet.sending.wire.facts import flat
from wire.cases import RECORDS, beacon_keys, destination, records

SAFE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%&=")


def encoded(record: dict[str, Any], url: str = "", **options: Any) -> wire.Request:
    """The beacon of a record."""
    return wire.encode([record], destination("beacon", url, **options))


def with_text(length: int) -> wire.Request:
    """A beacon with a text of so many plain characters."""
    return encoded({**RECORDS[0], "properties": {"text": "x" * length}})


def plain(value: Any) -> str:
    """A value as a beacon spells it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@given(records)
def test_a_property_never_replaces_a_reserved_key(record: dict[str, Any]) -> None:
    """`t`, `e`, `v`, `py`, `os`, `i` and `install` are the record's, whatever its properties are called."""
    keys = beacon_keys(encoded(record))
    assert {key: keys[key] for key in RESERVED if key in keys} == {
        key: record[fact] for key, fact in RESERVED.items() if fact in record
    }


@given(records)
def test_the_keys_are_exactly_the_facts(record: dict[str, Any]) -> None:
    """Decoded by the standard library, and the mark taken off again: the flat properties, and nothing but them."""
    request = encoded(record)
    keys = beacon_keys(request)
    names = {
        key[:-1] if key.rstrip("_") in RESERVED else key: value for key, value in keys.items() if key not in RESERVED
    }
    spelled = plain if request.method == "GET" else lambda value: value
    assert names == {name: spelled(value) for name, value in flat(record["properties"]).items()}
    assert list(keys)[:6] == list(RESERVED)[:6]


@given(records)
def test_neither_time_nor_run(record: dict[str, Any]) -> None:
    """A record made at another time, in another run, makes the same beacon."""
    other = {**record, "time": "1999-01-01T00:00:00Z", "run": "0" * 16}
    first, second = encoded(record), encoded(other)
    assert (first.url, first.headers, first.body) == (second.url, second.headers, second.body)


@given(records)
def test_a_get_is_plain_ascii_and_has_no_body(record: dict[str, Any]) -> None:
    """Every character of the query is unreserved, percent-encoded, or one that joins."""
    request = encoded(record)
    assert len(request.url) <= URL_BYTES
    if request.method == "GET":
        assert request.body == request.sent == b""
        assert set(urlsplit(request.url).query) <= SAFE
        assert request.content.decode() == request.url.removeprefix("https://example.org")


@pytest.mark.parametrize(
    ("url", "begins"),
    [
        ("https://example.org", "https://example.org/?t=mytool&"),
        ("https://example.org/t?", "https://example.org/t?t=mytool&"),
        ("https://example.org/t?site=4", "https://example.org/t?site=4&t=mytool&"),
        ("https://example.org/t?site=4&", "https://example.org/t?site=4&t=mytool&"),
        ("https://user:pw@example.org:8443/t", "https://example.org:8443/t?t=mytool&"),
    ],
)
def test_the_url_may_have_a_query_of_its_own(url: str, begins: str) -> None:
    """The beacon's keys come after it."""
    assert encoded(RECORDS[0], url).url.startswith(begins)


def test_a_url_over_the_bound_goes_as_json() -> None:
    """2,000 bytes are a GET; one more is a POST of the same keys to the URL itself, with values in their own types."""
    short = URL_BYTES - len(with_text(0).url)
    get, post = with_text(short), with_text(short + 1)
    assert (get.method, len(get.url)) == ("GET", URL_BYTES)
    assert (post.method, post.url) == ("POST", "https://example.org/t")
    assert post.headers == {"User-Agent": "mytool/1.4.0", "Content-Type": "application/json"}
    assert list(beacon_keys(post)) == list(beacon_keys(get))
    assert post.sent == post.body == post.content


def test_the_same_keys_as_json_keep_their_types() -> None:
    """Numbers and booleans are numbers and booleans there, and reserved keys are as safe."""
    greedy = {**RECORDS[9], "properties": {**RECORDS[9]["properties"], "text": "x" * 2000, "yes": True, "half": 0.5}}
    request = encoded(greedy)
    keys = beacon_keys(request)
    assert request.method == "POST"
    assert (keys["t"], keys["e"], keys["t_"], keys["e_"]) == ("mytool", "greedy", "theirs", 1)
    assert keys["yes"] is True
    assert keys["half"] == 0.5
    assert not {"time", "run"} & set(keys)


@pytest.mark.parametrize("value", [None, [1], {"deeper": {"still": 1}}, b"x"])
def test_what_no_conversion_lets_out_is_refused(value: object) -> None:
    """Nothing is written in Python's own spelling."""
    with pytest.raises(TypeError, match="cannot be sent"):
        encoded({**RECORDS[0], "properties": {"field": value}})


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=100))
def test_any_text_comes_back(text: str) -> None:
    """Through the standard library's parser, control characters and all."""
    assert beacon_keys(encoded({**RECORDS[0], "properties": {"text": text}}))["text"] == text
