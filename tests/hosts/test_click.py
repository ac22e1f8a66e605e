"""`discreet.hosts.click` without Click: what is no command is refused. Everything else is in tests/interop."""

from collections.abc import Callable
from typing import Any

import pytest

from discreet import Telemetry
from discreet.hosts import click


@pytest.mark.parametrize(
    "thing", [3, None, "cli", lambda: None, Telemetry("mytool")], ids=lambda each: type(each).__name__
)
def test_what_is_no_command(thing: Any, make_telemetry: Callable[..., Telemetry]) -> None:
    """A sentence names what is wanted; a function that was not decorated yet is no command."""
    with pytest.raises(TypeError, match=r"^record takes a click.Group or a click.Command, not "):
        click.record(thing, make_telemetry())
