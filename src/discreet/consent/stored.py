"""Storing the user's answer: the files that the gate reads, written whole.

The rule that keeps it honest: the answer is a word and a date, `true 2026-11-20T10:30:00Z`, readable with `cat` and
written as well by `echo true >`.
"""

import os

from .. import files, names

ANSWERS = ("true", "enhanced", "false")


def store(paths: names.Paths, answer: str, since: str) -> None:
    """Store `answer` (one of `ANSWERS`) as of `since` (ISO 8601, UTC). A no also removes the marker `enabled`.

    Raises `OSError` where the directory or the file cannot be written, or no directory can be named.
    """
    if paths.problem:
        raise FileNotFoundError(2, paths.problem, paths.directory)  # its path is relative: not the user's own
    files.make_directory(paths.directory, below=paths.below)
    files.write_private(paths["consent"], f"{answer} {since}\n".encode())
    if answer == "false":
        try:
            os.unlink(paths["enabled"])
        except FileNotFoundError:
            pass  # there was no marker
