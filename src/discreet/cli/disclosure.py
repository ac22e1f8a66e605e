"""The verb `disclosure`: what a tool declares, for readers, for programs, and for the README that repeats it.

The rule that keeps it honest: it tells what the author declared, never the state of this user or machine, and `--write`
changes a file between its markers and nowhere else.
"""

import argparse
import json
import os
from typing import TYPE_CHECKING

from .. import files
from .session import Failure, Misuse, Session

if TYPE_CHECKING:
    from ..privacy.disclosure import Content

_FORMATS = ("markdown", "json", "schema")
_DIFFERENCES = 30  # lines of a difference that are shown


def disclosure_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `disclosure`."""
    parser.add_argument("--format", choices=_FORMATS, help="for people, for programs, or JSON Schema of a record")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--check", metavar="FILE", help="fail if the section between its markers is out of date")
    either.add_argument("--write", metavar="FILE", help="renew that section, and nothing else of FILE")


def disclosure(session: Session, arguments: argparse.Namespace) -> int:
    """What is recorded, what never is, where it goes, how long it stays, and every way to turn it off."""
    telemetry = session.telemetry
    if session.alone:
        raise Misuse(
            f"only {telemetry.name} itself knows what it declares, and it is not asked here. "
            f"Try `{telemetry.name} telemetry disclosure`."
        )
    path = arguments.write if arguments.check is None else arguments.check
    if path == "":  # a variable of a script that is not set: with a page and a status of 0 nothing would be checked
        raise Misuse("--check and --write want the name of a file")
    if path is not None:
        if arguments.format not in (None, "markdown"):
            raise Misuse("--check and --write are about Markdown; leave out --format")
        return _renew(session, path, arguments.write is not None)
    if arguments.format == "json":
        session.put(_printed(_content(session)), exactly=True)
    elif arguments.format == "schema":
        from ..privacy.schema import schema

        install = telemetry.identity == "install"
        session.put(_printed(schema(telemetry.name, telemetry.declaration, install=install)), exactly=True)
    else:
        from ..privacy.page import markdown

        session.put(markdown(_content(session)).rstrip("\n"), exactly=True)
    return 0


def _content(session: Session) -> "Content":
    from ..privacy.disclosure import content  # a door: `run` in a Makefile loads this module as well

    return content(session.telemetry)


def _renew(session: Session, path: str, write: bool) -> int:
    """Check or renew the section of a file, and return the exit status."""
    from ..privacy.page import markdown
    from .section import Section

    text = _read(path)
    try:
        section = Section(text)
    except ValueError as error:
        raise Misuse(f"{path}: {error}") from None
    wanted = f"\n{markdown(_content(session), section.level, titled=False)}\n"
    if section.content == wanted:
        session.say(f"{path} is up to date.")
        return 0
    if write:
        _replace(path, section.renewed(wanted))
        session.say(f"{path} is renewed.")
        return 0
    _say_differences(session, path, section.content, wanted)
    raise Failure(f"{path} is out of date; renew it with `{session.command} disclosure --write {path}`")


def _say_differences(session: Session, path: str, found: str, wanted: str) -> None:
    import difflib

    lines = list(
        difflib.unified_diff(found.splitlines(), wanted.splitlines(), path, "what is declared", n=1, lineterm="")
    )
    for line in lines[:_DIFFERENCES]:
        session.say(line)
    if len(lines) > _DIFFERENCES:
        session.say(f"... and {len(lines) - _DIFFERENCES} more lines")


def _printed(value: object) -> str:
    """JSON that no terminal obeys: what is not printable is an escape."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return "".join(each if each == "\n" or each.isprintable() else json.dumps(each)[1:-1] for each in text)


def _read(path: str) -> str:
    """The text of a file with its own line ends. Raises `Misuse` if it cannot be read, or is not UTF-8."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except OSError as error:
        raise Misuse(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misuse(f"{path}: not a text in UTF-8") from None


def _replace(path: str, text: str) -> None:
    """Replace a file's content by a temporary file and a rename, and keep its mode. Raises `OSError`."""
    path = os.path.realpath(path)  # a link stays: its target is replaced
    files.write_private(path, text.encode(), mode=os.stat(path).st_mode & 0o7777)
