"""The start of a child if Python has no `posix_spawn`: on Windows, and in PyPy.

The rule that keeps it honest: the child is as detached as on other systems, and nobody waits for it.
"""

import os
import subprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def spawn(command: "list[str]", environment: "dict[str, str]", reading: int) -> None:
    """Start `command` detached, with `reading` as its stdin. Raises `OSError`."""
    apart: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        # No window may flash up: CREATE_NO_WINDOW prevents it, DETACHED_PROCESS does not for a console program.
        apart = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
    null = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, stdin=reading, stdout=null, stderr=null, **apart)
    process.returncode = 0  # as if it had ended: nobody waits for it, of which Python would warn
