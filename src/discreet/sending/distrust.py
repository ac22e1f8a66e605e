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
FOREIGN, OLD, NOT_COVERED = "line_not_ours", "too_old_to_send", "not_agreed_to"


def is_id(value: object) -> bool:
    """Whether a value may be the id of a record."""
    return isinstance(value, str) and len(value) == ID_BYTES and is_hex(value.replace("-", ""), 32)


class Distrust:
    """The check of one tool's lines, under its declaration (None: nothing was declared), at a level of consent, as far
    as the consent covers it (None: all of it).
    """

    def __init__(
        self, tool: str, declaration: "Declaration | None", level: str, agreement: "Agreement | None" = None
    ) -> None:
        self._tool = tool
        self._acceptor = Acceptor(declaration, level)
        self._agreement = agreement

    def judge(self, line: bytes, now: float) -> "tuple[Record | None, str]":
        """The record of a line as it may leave at `now` (epoch seconds), or None and why not. Never raises. An empty
        line, which writers that close a torn one leave, is no record and no loss: "".
        """
        if line == b"\n":
            return None, ""
        try:
            record = parse(line.decode())
        except (ValueError, LookupError):
            return None, FOREIGN
        legal = (
            record["tool"] == self._tool
            and is_id(record["id"])
            and is_hex(record["run"], 16)
            and ("install" not in record or is_hex(record["install"], 32))
            and not record["version"].strip(names.VERSION_CHARACTERS)
            and not record["py"].strip("0123456789.")
            and record["py"].count(".") < 3  # four parts are an address
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
