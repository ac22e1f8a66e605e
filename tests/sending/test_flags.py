"""flags.json: a flag a line, JSON as a whole, believed in nothing."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet import names
from discreet.destination import Destination
from discreet.sending import flags

NOW = 1_795_000_000
KEYS = st.text(names.TOOL_CHARACTERS + ".", min_size=1, max_size=flags.KEY_LENGTH)
VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def filled(**values: object) -> flags.Cache:
    """What is known of some flags, fetched now."""
    cache = flags.Cache("0123456789abcdef")
    cache.fetched, cache.due, cache.failures = NOW, NOW + 3600, 2
    cache.values = {key: json.dumps(value) for key, value in values.items()}
    return cache


@given(st.dictionaries(KEYS, VALUES, max_size=5), st.dictionaries(KEYS, VALUES, max_size=5))
def test_what_is_written_is_read(values: dict[str, object], payloads: dict[str, object]) -> None:
    """Every flag and payload, and when; the file is JSON, which says the same to any reader."""
    paths = names.Paths("mytool", {}, os.environ["HOME"])
    cache = filled(**values)
    cache.payloads = {key: json.dumps(value) for key, value in payloads.items()}
    flags.save(paths, cache)
    again = flags.read(paths["flags"])
    assert vars(again) == vars(cache)
    assert {key: flags.decoded(text) for key, text in again.values.items()} == values
    said = json.loads(Path(paths["flags"]).read_bytes())
    assert said == {
        "v": 1, "from": cache.source, "fetched": NOW, "due": NOW + 3600, "failures": 2, "flags": values,
        "payloads": payloads,
    }  # fmt: skip


def test_the_room_there_is(paths: names.Paths, directory: Path) -> None:
    """What is too much is left out: payloads first, and never half of one."""
    directory.mkdir()
    cache = filled(**{f"key-{number}": "x" * 1000 for number in range(50)})
    cache.payloads = {"small": '"y"', "large": json.dumps("y" * 20_000)}
    flags.save(paths, cache)
    assert os.path.getsize(paths["flags"]) < names.SMALL_BYTES
    again = flags.read(paths["flags"])
    assert again.values == cache.values
    assert again.payloads == {"small": '"y"'}
    cache.values |= {f"more-{number}": json.dumps("x" * 1000) for number in range(50)}
    flags.save(paths, cache)
    again = flags.read(paths["flags"])
    assert 60 < len(again.values) < 70
    assert "more-0" in again.values


GOOD = b'{"v":1,"from":"0123456789abcdef","fetched":1795000000,"due":1795003600,"failures":0,"flags":{\n"a":true\n'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"true",
        b"{}",
        b"\xff" * 10,
        GOOD.replace(b'"v":1', b'"v":2'),
        GOOD.replace(b"1795000000", b"-1"),
        GOOD.replace(b"1795000000", b"1e9"),
        GOOD.replace(b"1795000000", b"9" * 5000),
        GOOD.replace(b'"failures":0,', b""),
        b"[" * 60_000,
    ],
)
def test_what_is_not_as_drawn(content: bytes, paths: names.Paths, directory: Path) -> None:
    """Nothing is known then, and all is due."""
    directory.mkdir()
    Path(paths["flags"]).write_bytes(content)
    cache = flags.read(paths["flags"])
    assert (cache.values, cache.source) == ({}, "")
    assert cache.is_due("0123456789abcdef", NOW)


def test_lines_that_are_none(paths: names.Paths, directory: Path) -> None:
    """A line with another kind of key, with nothing after it or with what a terminal obeys is passed over."""
    directory.mkdir()
    more = (
        b'"k y":true,\n"' + b"k" * 129 + b'":true,\n"e":\n"esc":"\x1b[31m",\nnothing\n"b":"test"\n},"payloads":{\n}}\n'
    )
    Path(paths["flags"]).write_bytes(GOOD + more)
    assert flags.read(paths["flags"]).values == {"a": "true", "b": '"test"'}


@pytest.mark.parametrize("kind", ["directory", "FIFO", "missing"])
def test_what_is_no_file(kind: str, paths: names.Paths, directory: Path) -> None:
    """Nobody waits for it, and nothing is known."""
    directory.mkdir()
    if kind == "directory":
        os.mkdir(paths["flags"])
    elif kind == "FIFO":
        os.mkfifo(paths["flags"])
    assert flags.read(paths["flags"]).values == {}


@pytest.mark.parametrize("text", ["", '"', "x", "{", '"a"b"', '"\\', "NaN", "[" * 100_000, "1,"])
def test_what_is_no_value(text: str) -> None:
    """A text that is no JSON has no value."""
    with pytest.raises(ValueError):  # noqa: PT011  # whatever it says
        flags.decoded(text)


@pytest.mark.parametrize(
    ("seconds", "due", "stale"),
    [
        (0, False, False),
        (3599, False, False),
        (3600, True, False),
        (7 * 86_400, True, False),
        (7 * 86_400 + 1, True, True),
        (-60, False, False),  # the clock was set back a little
        (-82_800, False, False),  # 23 hours: an hour is left, and these
        (-86_400, True, False),
        (-3 * 86_400, True, False),
        (-8 * 86_400, True, True),
    ],
)
def test_ages(seconds: int, due: bool, stale: bool) -> None:
    """Asked for again after an hour, good for a week, whatever happens to the clock."""
    cache = filled(a=True)
    assert cache.is_due(cache.source, NOW + seconds) is due
    assert cache.is_stale(NOW + seconds) is stale


def test_another_host_is_another_source(paths: names.Paths, directory: Path) -> None:
    """Flags of one host are due at once where another one is in force. A key leaves no trace that it could be tried
    out against, so another project at the same host is not told from it.
    """
    directory.mkdir()
    here = Destination.posthog("phc_one")
    cache = filled(a=True)
    cache.source = here.key
    flags.save(paths, cache)
    assert not flags.due(paths, (here,), NOW)
    assert not flags.due(paths, (Destination.posthog("phc_two"),), NOW)
    assert flags.due(paths, (Destination.posthog("phc_one", "https://eu.i.posthog.com"),), NOW)


@pytest.mark.parametrize(
    ("url", "form", "asked"),
    [
        ("https://us.i.posthog.com/batch/", "posthog", True),
        ("https://example.org/ph/batch/?a=b", "posthog", True),
        ("https://example.org/ingest", "posthog", False),
        ("https://example.org/batch/", "json", False),
        ("https://example.org/t", "beacon", False),
        ("https://example.org/v1/traces", "otlp", False),
    ],
)
def test_who_is_asked(url: str, form: str, asked: bool, paths: names.Paths) -> None:
    """PostHog alone, at an address of which it is known where the one for flags lies."""
    other = Destination("https://example.org/records")
    receiver = Destination(url, format=form, api_key="k")
    assert (flags.asked((other, receiver)) is receiver) is asked
    assert flags.due(paths, (other, receiver), NOW) is asked
