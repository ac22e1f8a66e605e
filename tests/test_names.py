"""The facts below all rooms, as far as no other room's test shows them."""

import os

import pytest

from discreet import Telemetry


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
    """Decoded in one step it is what it is name by name, whatever the values hold; and it is a plain copy."""
    for name in list(os.environb):
        monkeypatch.delenv(os.fsdecode(name))
    for name, value in variables.items():
        monkeypatch.setitem(os.environb, name, value)
    copy = Telemetry("mytool").environ
    assert copy == dict(os.environ) == {os.fsdecode(name): os.fsdecode(value) for name, value in variables.items()}
    os.environ["LATER"] = "1"
    assert "LATER" not in copy
    del os.environ["LATER"]


def test_the_environment_of_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `os.environ` is something else, its items are copied one by one."""
    monkeypatch.setattr(os, "environ", {"A": "1"})
    assert Telemetry("mytool").environ == {"A": "1"}
