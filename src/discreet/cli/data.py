"""The verbs about the data: preview and clear.

The rule that keeps it honest: what is shown is what lies on disk, and what is erased is all of it and nothing else.
Few functions load the room `report`: it would cost every `run` in a Makefile 20 ms.
"""

import argparse
import os
import stat
import sys
import time
from collections import Counter, deque

from .. import directories, files, names, rotation
from ..consent import stored
from ..log import timestamp
from ..telemetry import facts_of
from . import delivery
from .session import Failure, Misuse, Session, counted, positive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..report.read import Tally

_SHOWN = 10  # records of `preview`
_COUNTED_BYTES = 1 << 16  # read at a time to count lines


def preview_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `preview`."""
    add = parser.add_mutually_exclusive_group().add_argument
    add("-n", type=positive, default=_SHOWN, metavar="N", help="how many (default: %(default)s)")
    add("--wire", action="store_true", help="the next request to each destination, as it would be sent")


def clear_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clear`."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def preview(session: Session, arguments: argparse.Namespace) -> int:
    """The last records, byte for byte as they stand in the log; with --wire, what would leave next."""
    if arguments.wire:
        return delivery.preview_wire(session)
    from ..report import read

    skipped: Tally = Counter()
    shown: deque[str] = deque(maxlen=arguments.n)
    for line, _ in read.lines(log_files(session), skipped):
        # The reader of records sees neither what is between the values nor the first value of a key given twice.
        if line.isprintable():
            shown.append(line)
        else:
            skipped[read.FOREIGN] += 1
    for line in shown:
        session.put(line, exactly=True)
    if skipped:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in skipped.items())
        session.complain(f"{counted(skipped.total(), 'line')} of the log could not be used: {reasons}")
    elif not shown:
        session.complain(f"nothing is recorded yet; `{session.command} status` says more")
    return 0


def clear(session: Session, arguments: argparse.Namespace) -> int:
    """Erase data and state, after asking."""
    session.check_place()
    found, no = going(session)
    if found and not arguments.yes:
        check_terminal("clear")
        session.say(f"This erases {described(session, found)}:")
        say_paths(session, found)
        if no:
            session.say(no)
        if not confirmed(session, "Erase them?"):
            session.say("Nothing was erased.")
            return 0
    erase(session, *going(session))  # looked for again: the tool may have run while the person was thinking
    return 0


def going(session: Session) -> tuple[list[str], str]:
    """The names of the files to erase, and a sentence on the no that stays ("" if none does)."""
    found, tool, mode = ours(session), session.telemetry.name, session.telemetry.mode
    said = facts_of(session.telemetry).consent[1]
    stands = said.removeprefix("says ").partition(" ")[0] in names.FALSE_WORDS
    # Only an opt-out tool shows a notice. Asked without the tool, nobody knows before its notice whether it is opt-out:
    # a stored no then stays.
    if not (mode == "opt-out" or session.paths.files["notice"] in found or (session.alone and stands)):
        return found, ""
    why = f"without it {tool} {'would' if mode == 'opt-out' else 'may'} begin again by itself"
    if not stands:
        return found, f"A no is left in {session.paths['consent']}: {why}."
    kept = session.paths.files["consent"]
    return [name for name in found if name != kept], f"Your no in {session.paths['consent']} is kept: {why}."


def erase(session: Session, found: list[str], no: str) -> None:
    """Erase these files, and say so and whether telemetry is on now. `no` is the sentence of `going`: unless it is "",
    a no is left stored. Raises `Failure` for what could not be erased.
    """
    failure = remove(session, found)
    if no:
        stored.store(session.paths, "false", timestamp(time.time()))
    elif found:
        directories.remove_empty_directories(session.paths.directory, below=session.paths.below)
    if failure is not None:
        raise failure
    if found:
        session.say(f"Erased {counted(len(found), 'file')}.")
    else:
        session.say(f"There is nothing of {session.telemetry.name} to erase in {session.paths.directory}.")
    if no:
        session.say(no)
    decision = session.decide()
    session.say(f"Telemetry of {session.telemetry.name} is {'on' if decision.enabled else 'off'}: {decision.reason}.")
    session.say_where("clear")


def check_terminal(verb: str) -> None:
    """Raise `Misuse` if there is no terminal to ask on."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise Misuse(f"{verb} asks on a terminal only; give --yes to erase without being asked")


def described(session: Session, found: list[str]) -> str:
    """What these files are, in words."""
    answers = {session.paths.files["consent"], session.paths.files["enabled"]}
    among = "" if answers.isdisjoint(found) else ", your stored answer among it"
    return f"all telemetry of {session.telemetry.name}{among}"


def say_paths(session: Session, found: list[str]) -> None:
    """Print the files, one a line."""
    for name in found:
        session.say(f"  {os.path.join(session.paths.directory, name)}")


def confirmed(session: Session, question: str) -> bool:
    """Ask on the terminal. Everything but a yes is a no."""
    print(f"{question} [y/N] ", end="", flush=True)  # `input` would ask on stderr, which may go elsewhere
    try:
        typed = sys.stdin.readline()
    except UnicodeDecodeError:
        typed = "\n"
    if not typed.endswith("\n"):
        session.say()
    return typed.strip().lower() in ("y", "yes")


def ours(session: Session) -> list[str]:
    """The names of the tool's files that exist, unfinished ones included."""
    wanted = list(session.paths.files.values())
    wanted += [rotation.rotated(session.paths.files["log"], number) for number in range(1, names.LOG_FILES)]
    try:
        with os.scandir(session.paths.directory) as entries:
            # This package never made a directory of such a name.
            present = sorted(entry.name for entry in entries if not entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [name for name in wanted if name in present] + [name for name in present if files.unfinished(name) in wanted]


def remove(session: Session, found: list[str]) -> Failure | None:
    """Erase all that can be erased, and return a failure that names what could not, or None.

    The stored answer is first replaced by a no and erased last: running processes see the no, and if this is
    interrupted, no remaining notice or marker counts as a yes. If the no cannot be stored (a full disk), files that say
    yes go before the answer, which may be a no.
    """
    if not found:
        return None
    failures = []
    kinds = session.paths.files
    yes, answer = [name for name in found if name in (kinds["enabled"], kinds["notice"])], kinds["consent"]
    others = [name for name in found if name not in (*yes, answer)]
    try:
        stored.store(session.paths, "false", timestamp(time.time()))
        order = [*yes, *others, answer]
    except OSError:
        order = [*yes, answer, *others]
    for name in order:
        path = os.path.join(session.paths.directory, name)
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass  # another process was quicker: gone is gone
        except OSError as error:
            failures.append(f"{path}: {error.strerror}")
    return Failure(f"not everything could be erased: {'; '.join(failures)}") if failures else None


def check_target(session: Session, option: str, path: str, example: str) -> None:
    """Raise `Misuse` if a page would be written among the files of telemetry: under some of their names, its mere
    presence would be a yes.
    """
    if same(session.paths.directory, os.path.dirname(os.path.realpath(path))):
        raise Misuse(
            f"{option} would write among the files of telemetry, to {path}; give it a file of its own, such as "
            f"{option} {example}"
        )


def same(one: str, two: str) -> bool:
    """Whether both paths lead to the same thing that exists."""
    return os.path.exists(one) and os.path.exists(two) and os.path.samefile(one, two)


def measured(session: Session) -> tuple[int, int]:
    """The number of lines and of bytes on the log. Raises `OSError` for a log that cannot be read."""
    events = size = 0
    for number in range(names.LOG_FILES):
        try:
            path = rotation.nth(session.paths, number)
            with open(path, "rb", opener=lambda name, flags: os.open(name, flags | names.NO_WAIT)) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    continue  # a device may have no end
                while block := file.read(_COUNTED_BYTES):
                    events += block.count(b"\n")
                    size += len(block)
        except (FileNotFoundError, NotADirectoryError):
            continue
    return events, size


def log_files(session: Session) -> list[str]:
    """The paths that the log may have, oldest records first. Raises `Failure` if it has no place."""
    from ..report import read

    if session.paths.problem:
        session.check_place()
    return read.log_files(session.paths.directory, session.paths.files["log"])
