"""For the tests of hosts: let an instance record under a test runner, capture what would be recorded, and prove in an
author's own CI what their users are promised.

    allow       an instance records although a test runner or CI was found
    capture     the events that would be recorded, in memory
    assert_...  what must hold of a whole command, and of the disclosure in a README

`pytest_plugins = ["discreet.testing.pytest_plugin"]` in a `conftest.py` gives the fixture `discreet_events`. Override
the fixture `discreet_telemetry` to say which object it captures.

The rule that keeps it honest: only the rows of the gate that stand for "a machine is testing this" are lifted, never a
user's no, and only on the instance that is named. What is captured needs no consent, and so goes nowhere.
"""

from ..telemetry import Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .assertions import assert_disclosed, assert_no_network, assert_overhead, assert_same_behaviour
    from .captures import Captured, Events, capture

__all__ = [
    "Captured",
    "Events",
    "allow",
    "assert_disclosed",
    "assert_no_network",
    "assert_overhead",
    "assert_same_behaviour",
    "capture",
]

LIFTED = ("test runner", "CI")


def allow(telemetry: Recorder) -> None:
    """Let `telemetry` record although a test runner or CI was found. Call it before the first event."""
    telemetry.lifted = LIFTED


if not TYPE_CHECKING:  # for which any name would be one of ours

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        room = "assertions" if name.startswith("assert_") else "captures"
        return getattr(__import__(f"{__name__}.{room}", fromlist=[name]), name)
