"""Distrust: what of a line of the log may leave, now, and why it may not.

The rule that keeps it honest: every line is hostile input, whoever seems to have written it. What is not this tool's,
or could not come from its present declaration, is never sent, and is counted under the reason given here.
"""

from .. import names
from ..log import ID_BYTES, timestamp
from ..privacy.accept import Acceptor, is_hex
from .records import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..privacy.agreement import Agreement
    from ..privacy.declaration import Declaration
    from .records import Record

OLDEST_SECONDS = names.SENT_DAYS * 86_400.0
_OS_LENGTH = 32  # characters of the name of a system
_DIGITS = 3  # of one of the three numbers of an interpreter's version
FOREIGN, OLD, NOT_COVERED = "line_not_ours", "too_old_to_send", "not_agreed_to"


def is_id(value: object) -> bool:
    """Whether a value may be the id of a record."""
    return isinstance(value, str) and len(value) == ID_BYTES and is_hex(value.replace("-", ""), 32)


def _is_own_id(value: str) -> bool:
    """Whether a text is an id as this package makes it: a UUID of version 4, lower-case (RFC 9562, section 5.4)."""
    parts = value.split("-")
    return (
        [*map(len, parts)] == [8, 4, 4, 4, 12]
        and is_hex("".join(parts), 32)
        and parts[2][0] == "4"
        and parts[3][0] in "89ab"
    )


def _is_python(value: str) -> bool:
    """Whether a text is "", or the version of an interpreter: up to three short numbers; four parts are an address."""
    parts = value.split(".")
    return value == "" or (
        len(parts) <= 3 and value.isascii() and all(part.isdecimal() and len(part) <= _DIGITS for part in parts)
    )


class Distrust:
    """The check of one tool's lines: under its declaration (None: nothing was declared), at a level of consent, and as
    far as the consent covers them (None: all).
    """

    def __init__(
        self, tool: str, declaration: "Declaration | None", level: str, agreement: "Agreement | None" = None
    ) -> None:
        self._tool = tool
        self._acceptor = Acceptor(declaration, level)
        self._agreement = agreement

    def judge(self, line: bytes, now: float) -> "tuple[Record | None, str]":
        """The record of a line as it may leave at `now` (epoch seconds), or None and why not. Never raises. An empty
        line, left where a torn one was closed, is neither a record nor a loss: "".
        """
        if line == b"\n":
            return None, ""
        try:
            record = parse(line.decode())
        except (ValueError, LookupError):
            return None, FOREIGN
        legal = (
            record["tool"] == self._tool
            and _is_own_id(record["id"])
            and is_hex(record["run"], 16)
            and ("install" not in record or is_hex(record["install"], 32))
            and len(record["version"]) <= names.NAME_LENGTH
            and not record["version"].strip(names.VERSION_CHARACTERS)
            and _is_python(record["py"])
            and len(record["os"]) <= _OS_LENGTH
            and not record["os"].strip("abcdefghijklmnopqrstuvwxyz0123456789")
        )
        properties = self._acceptor.properties(record["event"], record["properties"]) if legal else None
        if properties is None:
            return None, FOREIGN
        if record["time"] < timestamp(now - OLDEST_SECONDS):
            return None, OLD
        if self._agreement is not None:
            properties = self._agreement.narrowed(record["event"], properties)
            if properties is None:
                return None, NOT_COVERED
            if not self._agreement.install:
                record.pop("install", None)
        record["properties"] = properties
        return record, ""
