"""The facts below all rooms, as far as no other room's test shows them."""

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet import Telemetry, names
from discreet.telemetry import _is_plain


@pytest.mark.skipif(not os.supports_bytes_environ, reason="the system's own text is no bytes")
@pytest.mark.parametrize(
    "variables",
    [
        {},
        {b"A": b""},
        {b"A": b"", b"B": b"b=c", b"C": "ü".encode()},
        {b"TORN": "ü".encode()[:1], b"AFTER": b"\xff\n"},
    ],
    ids=str,
)
def test_the_environment_is_copied_as_it_is(monkeypatch: pytest.MonkeyPatch, variables: dict[bytes, bytes]) -> None:
    """Decoded in one step it is what it is name by name, whatever the values hold; and it is that of the moment of
    `init`, whenever it is looked at: a host that clears it takes no opt-out away.
    """
    for name in list(os.environb):
        monkeypatch.delenv(os.fsdecode(name))
    for name, value in variables.items():
        monkeypatch.setitem(os.environb, name, value)
    made = Telemetry("mytool")
    os.environ["LATER"] = "1"
    copy = made.environ
    del os.environ["LATER"]
    assert copy == dict(os.environ) == {os.fsdecode(name): os.fsdecode(value) for name, value in variables.items()}


def test_the_environment_of_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `os.environ` is something else, its items are copied one by one."""
    monkeypatch.setattr(os, "environ", {"A": "1"})
    assert Telemetry("mytool").environ == {"A": "1"}


NAMES = st.text("aZ09_-.+!~ é²\0", max_size=70)


@given(NAMES, NAMES)
def test_what_is_plain_is_legal(name: str, version: str) -> None:
    """The first sight of a name and a version may only agree with the rule."""
    if _is_plain(name, version, None):
        names.check(name, version)


@given(st.none() | st.text("~/.a\0\\", max_size=5))
def test_a_plain_directory_is_taken_as_it_is(data_dir: str | None) -> None:
    """The first sight of a directory may only agree with the rule."""
    if _is_plain("mytool", "", data_dir):
        assert names.checked_directory(data_dir) == (data_dir or "")


@pytest.mark.parametrize(("name", "version"), [("mytool", ""), ("my-tool_2", "1.4.0"), ("M", "1.0.dev0"), ("a-", "0")])
@pytest.mark.parametrize("data_dir", [None, "/var/lib/mytool", "~/.config/mytool"])
def test_what_is_usual_is_plain(name: str, version: str, data_dir: str | None) -> None:
    """Or the first sight would spare nobody anything; and the rule, which is asked beside other options, agrees."""
    assert _is_plain(name, version, data_dir)
    assert names.checked_directory(data_dir) == (data_dir or "")


@pytest.mark.parametrize(
    ("name", "version"),
    [("a" * 65, ""), ("_a", ""), ("-a", ""), ("1a", ""), ("é", ""), ("", ""), ("a", "é"), (1, ""), ("a", 1)],
)
def test_what_is_not_legal_is_not_plain(name: object, version: object) -> None:
    """Each rule of the two, broken once."""
    assert not _is_plain(name, version, None)
    with pytest.raises(ValueError, match="must match"):
        names.check(name, version)


@pytest.mark.parametrize("data_dir", ["", "relative", "~", "~user/a", "~/", "~//", "~//a", "/a\0", "~/\0", 1, b"/a"])
def test_what_is_no_directory_is_not_plain(data_dir: Any) -> None:
    """Each rule of the directory, broken once."""
    assert not _is_plain("mytool", "", data_dir)
    with pytest.raises(ValueError, match=r"^data_dir "):
        names.checked_directory(data_dir)
