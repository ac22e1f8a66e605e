"""A terminal for child programs: a pseudo-terminal that controls the session of one child, as a window would."""

import os
import pty
import select
import subprocess
import time
from pathlib import Path

SECONDS = 20.0  # the longest that anything here is waited for


class Terminal:
    """One child in a session of its own, its three standard streams on a terminal that controls it.

    `stdin` may be a path that the child reads instead. What it prints, and the echo of what is typed, is in `output`.
    """

    def __init__(self, argv: list[str], environment: dict[str, str], stdin: str = "") -> None:
        self._master, self._slave = pty.openpty()
        name = os.ttyname(self._slave)
        # A leader of a session gets the first terminal that it opens as the controlling one.
        script = f'exec 3<>"$0" >&3 2>&3 <"{stdin or name}" 3>&-; exec "$@"'
        self.process = subprocess.Popen(
            ["sh", "-c", script, name, *argv], env=environment, start_new_session=True, close_fds=True
        )
        self.output = ""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.hang_up()
        os.close(self._slave)

    def type(self, keys: str) -> None:
        r"""Press keys; `\x03` is Ctrl-C, `\x04` Ctrl-D."""
        os.write(self._master, keys.encode())

    def wait_for(self, text: str) -> None:
        """Read until `text` was printed."""
        deadline = time.monotonic() + SECONDS
        while text not in self.output:
            assert time.monotonic() < deadline, f"{text!r} did not come: {self.output!r}"
            self._read(0.1)

    def end(self) -> int:
        """Wait for the child's end; its exit status, or minus the number of the signal that ended it."""
        deadline = time.monotonic() + SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"the child did not end: {self.output!r}"
            self._read(0.01)
        while self._read(0):
            pass
        return self.process.returncode

    def hang_up(self) -> None:
        """Close the window."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def _read(self, seconds: float) -> bool:
        if self._master < 0:
            time.sleep(seconds)
            return False
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        self.output += os.read(self._master, 65536).decode(errors="replace").replace("\r\n", "\n")
        return True


def wait_for_lines(path: Path, number: int) -> list[str]:
    """The lines of a file that a child appends to, as soon as there are `number`."""
    deadline = time.monotonic() + SECONDS
    while True:
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= number:
            return lines
        assert time.monotonic() < deadline, f"{lines!r} in {path}, not {number} lines"
        time.sleep(0.005)
