"""Storing the user's answer: the files that the gate reads, written whole.

The rule that keeps it honest: the answer is a word and a date, `true 2026-11-20T10:30:00Z`, then a line for each thing
agreed to. `cat` can show it, and `echo true >` can write it. In an opt-out tool the file `notice` holds the same of the
last notice: its date and a digest of what was shown, `2026-11-20T10:30:00Z 5f1c9a0b7d3e4f21`, then the lines.
"""

import os

from .. import directories, files, names
from ..privacy import SAMPLE_RATE
from ..privacy.coverage import ANY, apart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


_HEAD_BYTES = 64  # of either file, in which its date stands


def store(paths: names.Paths, answer: str, since: str, covers: "Iterable[str]" = ()) -> None:
    """Store `answer` (true, enhanced or false) as of `since` (ISO 8601, UTC). A no also removes the marker `enabled`.

    `covers` are the lines of what the user was shown (`privacy.coverage`); none if no disclosure was at hand.

    Raises `OSError` if the directory or the file cannot be written, or no directory can be named.
    """
    if paths.problem:
        raise FileNotFoundError(2, paths.problem, paths.directory)  # the path is relative: not the user's own
    directories.make_directory(paths.directory, below=paths.below)
    files.write_private(paths["consent"], "".join(f"{line}\n" for line in (f"{answer} {since}", *covers)).encode())
    if answer == "false":
        try:
            os.unlink(paths["enabled"])
        except FileNotFoundError:
            pass  # there was no marker
        except OSError:
            if not os.path.isdir(paths["enabled"]):  # a directory is no marker
                raise


def note(paths: names.Paths, told: "Iterable[str]", since: str) -> None:
    """Note that a notice covering the lines `told` was shown at `since`. Raises `OSError` as `store` does.

    What an earlier notice covered stays, so that two versions used in turn do not show theirs again and again. For a
    field in both, and for the rate of an event, the last notice holds.
    """
    from hashlib import blake2b

    told = list(told)
    digest = blake2b("\n".join(told).encode(), digest_size=8).hexdigest()
    earlier = [line for line in covered(paths, "notice") if not _is_rate_of(line, told)]
    both = told if set(earlier) <= set(told) else [*apart(earlier), *apart(told)]
    for lines in (both, told):
        content = "".join(f"{line}\n" for line in (f"{since} {digest}", *sorted(_last_words(lines)))).encode()
        if len(content) < names.SMALL_BYTES:  # else it would not be read whole
            break
    directories.make_directory(paths.directory, below=paths.below)
    files.write_private(paths["notice"], content)


def _last_words(lines: "Iterable[str]") -> "list[str]":
    """The last line of each field. Two stay if they have the same conversion, one for all events at once and one for
    the event alone: answered by lot, these are two questions.
    """
    last: dict[tuple[str, str], dict[str, str]] = {}  # event and field, to rows and their conversions
    for line in lines:
        event, field, row = [*line.split(" ", 2), "", ""][:3]
        conversion = row.removeprefix(f"{ANY} ")
        held = last.setdefault((event, field), {})
        if conversion not in held.values():
            held.clear()
        held[row] = conversion
    return [" ".join(filter(None, (*at, row))) for at, held in last.items() for row in held]


def _is_rate_of(line: str, told: "list[str]") -> bool:
    """Whether a line is the rate of an event that `told` covers anew, with a rate or without."""
    event, field = [*line.split(" ", 2), ""][:2]
    return field == SAMPLE_RATE and event in told


def covered(paths: names.Paths, key: str = "consent", *, strictly: bool = False) -> "list[str]":
    """The lines that the stored answer (or the `notice`) covers; none if it lists none.

    A file that cannot be read covers nothing, and the gate judges it by itself. A caller that would take that for an
    answer without lines asks `strictly`: then a file that is there and cannot be read raises `OSError`.
    """
    try:
        text = names.read_small(paths[key], names.current_user()).decode("utf-8", "replace")
    except OSError as error:
        if strictly and not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            raise
        return []
    return text.splitlines()[1:]


def dated(paths: names.Paths, latest: str) -> str:
    """The later of the dates, by this machine's clock, that the stored answer and the notice give themselves; "" for
    none, as in an answer by hand. One after `latest` says nothing. Never raises OSError.
    """
    found = [""]
    for key in ("consent", "notice"):
        try:
            head = names.read_small(paths[key], names.current_user(), _HEAD_BYTES).decode("utf-8", "replace")
        except OSError:
            continue  # not there; the gate judges by itself what cannot be read
        words = head.split()[:2]
        found += [word for word in words if len(word) == 20 and not word.strip("0123456789-:TZ") and word <= latest]
    return max(found)
