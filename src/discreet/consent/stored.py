"""Storing the user's answer: the files that the gate reads, written whole.

The rule that keeps it honest: the answer is a word and a date, `true 2026-11-20T10:30:00Z`, readable with `cat` and
written as well by `echo true >`.
"""

import os

from .. import files, names

ANSWERS = ("true", "enhanced", "false")


def store(paths: names.Paths, answer: str, time: str) -> None:
    """Store `answer` (one of `ANSWERS`) as of `time` (ISO 8601, UTC). A no also removes the marker `enabled`.

    Raises `OSError` where the directory or the file cannot be written.
    """
    files.make_directory(paths.directory, below=paths.below)
    files.write_private(paths["consent"], f"{answer} {time}\n".encode())
    if answer == "false":
        try:
            os.unlink(paths["enabled"])
        except FileNotFoundError:
            pass  # there was no marker
