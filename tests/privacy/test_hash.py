"""The hash: what it depends on, what it never shows, and the salt that it is keyed by."""

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import agreed
from discreet import Hash, Telemetry
from discreet.privacy.numbers import Refused
from discreet.sending import installation
from discreet.sending.installation import Pseudonyms, pseudonym

SALT = bytes(range(32))
MONTHS = ("2026-11", "2026-12", "2027-11")


def bound(
    event: str = "search", field: str = "query", salt: bytes = SALT, month: str = "2026-11"
) -> Callable[..., Any]:
    """A hash of this field, by the package's own function."""
    return Hash().bind(
        event, field, lambda *place_and_raw: pseudonym(salt, *place_and_raw[:2], month, place_and_raw[2])
    )


@given(st.text() | st.binary() | st.integers())
def test_sixteen_hex_digits(value: object) -> None:
    """Every hash is a text of sixteen lower-case hex digits, the same each time."""
    left = bound()(value)
    assert type(left) is str
    assert len(left) == 16
    assert not left.strip("0123456789abcdef")
    assert bound()(value) == left


@given(st.text(), st.text())
def test_equal_hashes_mean_equal_values(one: str, other: str) -> None:
    """Within one field, in one month, values are told apart and recognized."""
    assert (bound()(one) == bound()(other)) == (one == other)


@given(st.text() | st.binary(), st.binary(min_size=32, max_size=32).filter(lambda salt: salt != SALT))
def test_it_depends_on_the_place(value: object, salt: bytes) -> None:
    """Another salt, event, field or month makes another hash, which links nothing."""
    others = [bound(salt=salt), bound(event="open"), bound(field="name"), *(bound(month=month) for month in MONTHS[1:])]
    hashes = [hashed(value) for hashed in (bound(), *others)]
    assert len(set(hashes)) == len(hashes)


def test_places_do_not_run_into_one_another() -> None:
    """Where one name ends and the next begins is part of the key."""
    assert len({bound("ab", "c")("d"), bound("a", "bc")("d"), bound("a", "b")("cd"), bound("abc", "d")("")}) == 4


def test_it_is_blake2b() -> None:
    """It is the algorithm that the documentation names, keyed, so that anybody can check it."""
    message = b"search\0query\0" + b"2026-11\0" + b"secret"
    assert bound()("secret") == hashlib.blake2b(message, key=SALT, digest_size=8).hexdigest()


@given(st.text("0123456789abcdef", min_size=6, max_size=16) | st.integers(10**5).map(str))
def test_it_never_contains_the_value(value: str) -> None:
    """A value of hex digits is no part of its hash (the values are drawn from a fixed seed, and so always the same)."""
    assert value not in bound()(value)


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        ("text", b"text"),
        ("", b""),
        ("é\x00", "é\x00".encode()),
        ("\ud800", b"\xed\xa0\x80"),
        (b"\xff\x00", b"\xff\x00"),
        (12, b"12"),
        (-(10**400), str(-(10**400)).encode()),
        (True, b"1"),
        (PurePosixPath("/home/ada"), b"/home/ada"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_what_is_hashed(value: object, raw: bytes) -> None:
    """Text as UTF-8, bytes as they are, an integer by its digits, a path by its text."""
    seen: list[tuple[str, str, bytes]] = []
    Hash().bind("search", "query", lambda *given: seen.append(given) or "0" * 16)(value)  # type: ignore[func-returns-value]
    assert seen == [("search", "query", raw)]


@pytest.mark.parametrize("value", [1.5, [], ["a"], {}, object(), bytearray(b"a"), memoryview(b"a"), 1j, len])
def test_what_is_refused(value: object) -> None:
    """Anything else drops the event: a number that is no integer has more than one spelling."""
    with pytest.raises(Refused):
        bound()(value)


def test_none_is_nothing() -> None:
    """None leaves nothing, and makes no salt."""
    assert Hash().bind("search", "query", lambda *_: pytest.fail("asked"))(None) is None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The epoch seconds that the hashes see, to be changed: at first the last second of November 2026 in UTC."""
    now = [1_796_083_199.0]
    stopped = SimpleNamespace(time=lambda: now[0], strftime=time.strftime, gmtime=time.gmtime)
    monkeypatch.setattr(installation, "time", stopped)
    return now


def recorded(telemetry: Telemetry) -> list[dict[str, Any]]:
    """The properties on the log."""
    assert telemetry.flush(5.0)
    with open(telemetry.paths["log"]) as log:
        return [json.loads(line)["properties"] for line in log]


def test_the_salt_is_made_at_the_first_hash(
    make_telemetry: Callable[..., Telemetry], home: Path, clock: list[float]
) -> None:
    """Other events make no salt; the first hash makes it, private, random, and of nothing of this machine."""
    telemetry = make_telemetry(events={"search": {"query": "hash"}, "open": {"n": "count"}})
    salt = home / ".mytool/telemetry/salt"
    telemetry.track("open", n=1)
    telemetry.track("search", query=None)
    assert recorded(telemetry) == [{"n": 1}, {}]
    assert not salt.exists()
    telemetry.track("search", query="secret")
    left = recorded(telemetry)[-1]["query"]
    assert os.name == "nt" or stat.S_IMODE(salt.stat().st_mode) == 0o600
    key = bytes.fromhex(salt.read_text())
    assert len(key) == 32
    assert left == pseudonym(key, "search", "query", "2026-11", b"secret")
    assert key.hex() not in Path(telemetry.paths["log"]).read_text()


def test_the_salt_is_kept(make_telemetry: Callable[..., Telemetry], home: Path, clock: list[float]) -> None:
    """Another process of the same installation finds the same salt; without it, a hash is another one."""
    events = {"search": {"query": "hash"}}
    for _ in range(2):
        telemetry = make_telemetry(events=events)
        telemetry.track("search", query="secret")
        recorded(telemetry)
    (home / ".mytool/telemetry/salt").unlink()
    telemetry = make_telemetry(events=events)
    telemetry.track("search", query="secret")
    one, two, three = (properties["query"] for properties in recorded(telemetry))
    assert one == two != three


def test_no_salt_without_consent(make_telemetry: Callable[..., Telemetry], home: Path) -> None:
    """Who has not agreed gets no file at all."""
    telemetry = make_telemetry(opted_in=False, events={"search": {"query": "hash"}})
    telemetry.track("search", query="secret")
    assert telemetry.flush()
    assert os.listdir(home) == []


@pytest.mark.parametrize("content", ["0", "secret", "ab" * 31, "AB" * 32, "ab" * 32 + "\nx", "\x00" * 64])
def test_a_salt_that_is_none_drops_the_event(
    content: str, make_telemetry: Callable[..., Telemetry], home: Path, swallowed: list[tuple[str, Exception]]
) -> None:
    """With a salt that this package did not write nothing is hashed: a known key would make the hash reversible."""
    telemetry = make_telemetry(events={"search": {"query": "hash"}})
    (home / ".mytool/telemetry/salt").write_text(content)
    telemetry.track("search", query="secret")
    assert telemetry.flush(5.0)
    assert not os.path.exists(telemetry.paths["log"])
    assert [(reason, type(error)) for reason, error in swallowed] == [("conversion", OSError)]
    assert (home / ".mytool/telemetry/salt").read_text() == content


def test_the_month_turns_while_a_process_runs(home: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """The month is that of the moment of the hash, in UTC, also in a process that lives past its end."""
    paths = Telemetry("mytool", data_dir=str(home)).paths
    monkeypatch.setattr(installation, "_kept", lambda *_, **__: SALT.hex())
    pseudonyms = Pseudonyms(paths, None, agreed)
    found = []
    for seconds in (0, -86_000, 1, 2, 31 * 86_400 + 1):
        clock[0] = 1_796_083_199.0 + seconds
        found.append(pseudonyms("search", "query", b"secret"))
    november, december, january = (
        pseudonym(SALT, "search", "query", month, b"secret") for month in ("2026-11", "2026-12", "2027-01")
    )
    assert found == [november, november, december, december, january]
