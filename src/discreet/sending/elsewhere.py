"""The start of a child where Python has no `posix_spawn`: on Windows, and in PyPy.

The rule that keeps it honest: the child is as apart from the host as elsewhere, and nobody waits for it.
"""

import os
import subprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def spawn(command: "list[str]", environment: "dict[str, str]", reading: int) -> None:
    """Start `command` apart, with `reading` as its stdin. Raises `OSError`."""
    apart: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        # A window must not flash up: CREATE_NO_WINDOW does that, DETACHED_PROCESS does not for a console program.
        apart = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
    null = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, stdin=reading, stdout=null, stderr=null, **apart)
    process.returncode = 0  # as if it had ended: nobody waits for it, and Python would warn of that
