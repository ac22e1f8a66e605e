"""flags: a question that says nothing of anybody, and answers of three shapes, read as hostile input."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.destination import Destination
from discreet.sending.flags import is_key
from discreet.sending.wire import flags
from wire.cases import API_KEY, GOLDEN, drawn

ANSWERS = Path(__file__).parent / "answers"  # as PostHog's own tests of its clients have them
WHO = "9250cc9eadbb82a8" * 2
# What both shapes say of the same flags: value and payload. Only v4 types what v2 has in the payload.
BOTH = {
    "bool-on": (True, None),
    "bool-off": (False, None),
    "v1-variant": ("control", {"columns": 2}),
    "v1-bool-payload": (True, {"cta": "Try it", "n": 1}),
    "v1-string-payload": (True, "plain"),
    "v2-string": ("compact", None),
    "v2-null": (False, None),
    "sparse": ("compact", None),
}
TYPED = {
    "v2": {"v2-number": (True, 12.5), "v2-object": (True, {"layout": "compact", "n": [1, True]})},
    "v4": {"v2-number": (12.5, None), "v2-object": ({"layout": "compact", "n": [1, True]}, None)},
}


def answered(said: object) -> Any:
    """What is read of an answer: by key the value and the payload, or None for a flag that failed."""
    found, whole = flags.read(json.dumps(said).encode() if not isinstance(said, bytes) else said)
    plain = {
        key: flag and (json.loads(flag[0]), json.loads(flag[1]) if flag[1] else None) for key, flag in found.items()
    }
    return plain, whole


def test_the_question() -> None:
    """To the byte: the project's key, whom it is for, and that no place is looked up; the tool's name, no version."""
    request = flags.ask(Destination.posthog(API_KEY), "mytool", WHO)
    assert drawn(request) == GOLDEN.joinpath("flags.http").read_bytes()


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://eu.i.posthog.com/batch/", "https://eu.i.posthog.com/flags/?v=2"),
        ("https://example.org/ingest/batch/?key=1", "https://example.org/ingest/flags/?v=2"),
        ("http://127.0.0.1:8000/batch/", "http://127.0.0.1:8000/flags/?v=2"),
    ],
)
def test_where_it_goes(url: str, asked: str) -> None:
    """Beside the address that takes the events, with the destination's own headers and credentials."""
    receiver = Destination(
        url.replace("://", "://user:secret@"), format="posthog", api_key="k", headers={"X-Team": "a"}
    )
    request = flags.ask(receiver, "mytool", WHO)
    assert request.url == asked
    assert (request.headers["X-Team"], request.headers["Authorization"]) == ("a", "Basic dXNlcjpzZWNyZXQ=")


@pytest.mark.parametrize("shape", ["v2", "v4"])
def test_answers_of_both_versions(shape: str) -> None:
    """Every flag of what PostHog's clients are tested with; the one that failed on the server is known to have."""
    found, whole = answered(ANSWERS.joinpath(f"{shape}.json").read_bytes())
    assert whole
    assert found == {**BOTH, **TYPED[shape], "server-failed": None}


def test_the_legacy_shape() -> None:
    """As captured of an old server; a payload that is no JSON is none."""
    said = {
        "featureFlags": {"checkout-redesign": "test", "on": True, "broken": "a"},
        "featureFlagPayloads": {"checkout-redesign": "{}", "broken": "{"},
    }
    assert answered(said) == ({"checkout-redesign": ("test", {}), "on": (True, None), "broken": ("a", None)}, True)
    assert answered({"featureFlags": {"on": True}}) == ({"on": (True, None)}, True)


def test_errors_while_computing() -> None:
    """Such an answer is not all there is to know."""
    assert answered({"flags": {}, "errorsWhileComputingFlags": True}) == ({}, False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome to the hotel</html>",
        b"null",
        b"[]",
        b"{}",
        b'{"status":"Ok"}',
        b'{"quotaLimited":["feature_flags"],"flags":{}}',
        b'{"flags":[]}',
        b'{"featureFlags":["a"]}',
        b'{"flags":{"a":{"value":NaN}}}',
        b'{"flags":{"a":{"enabled":true}}',
        b"[" * 100_000,
        b'{"flags":{"a":"\xff"}}',
    ],
)
def test_what_is_no_answer(body: bytes) -> None:
    """Another page, half an answer, a project whose quota is used up: there are no flags to be had."""
    with pytest.raises(ValueError):  # noqa: PT011  # whatever it says
        flags.read(body)


def test_deep_answers() -> None:
    """However deep a value is nested, it is read or refused, also where it can be read and not be written again."""
    for depth in range(800, 1000):
        try:
            found, _ = flags.read(b'{"flags":{"a":{"value":' + b"[" * depth + b"]" * depth + b"}}}")
        except ValueError:
            continue
        assert found["a"] == ("[" * depth + "]" * depth, "")


def test_a_quota_of_something_else() -> None:
    """Only that of the flags counts."""
    for limited in (["recordings"], [], None, 5):
        said = {"flags": {"a": {"enabled": True}}, "quotaLimited": limited}
        assert answered(said) == ({"a": (True, None)}, True)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["enabled", "variant", "value", "metadata", "failed", "payload"])


@given(
    st.dictionaries(st.text(max_size=8), st.dictionaries(keys, anything, max_size=6) | anything, max_size=4),
    st.sampled_from(["flags", "featureFlags", "featureFlagPayloads", "quotaLimited"]),
)
def test_hostile_answers(said: dict[str, Any], under: str) -> None:
    """Whatever is said, what is read are legal keys with values that JSON can hold, or no answer."""
    try:
        found, _ = flags.read(json.dumps({"flags": {}, under: said}).encode())
    except ValueError:
        return
    for key, flag in found.items():
        assert is_key(key)
        if flag is not None:
            value, payload = flag
            assert json.loads(value) is not None
            assert value.isascii()
            assert payload.isascii()


def test_an_infinity_is_no_value() -> None:
    """What a receiver writes as 1e999 is no number that JSON has: the answer is none."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        flags.read(b'{"featureFlags": {"a": 1e999}}')
