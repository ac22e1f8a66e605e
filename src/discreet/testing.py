"""For the tests of hosts: let an instance record under a test runner.

The rule that keeps it honest: only the rows of the gate that stand for "a machine is testing this" are lifted, never a
user's no, and only on the instance that is named.
"""

from .telemetry import Recorder

LIFTED = ("test runner", "CI")


def allow(telemetry: Recorder) -> None:
    """Let `telemetry` record although a test runner or CI was found. Call it before the first event."""
    telemetry.lifted = LIFTED
