"""receipts.jsonl: what left, line by line, for the user to see.

    {"time":"2026-11-20T10:30:00Z","destination":"https://example.org/t","format":"json","records":12,"bytes":3400,
     "sha256":"<64 hex>","status":200,"verdict":"delivered","ids":["<uuid>", ...]}

The rule that keeps it honest: written before the place in the log is moved on, so what has none is sent again. Bytes
and digest are those of the body before its content encoding, or of the request target of a GET.
"""

import errno
import hashlib
import json
import os

from .. import files, names
from ..log import is_torn, timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .wire import Request

MOST_BYTES = 1024 * 1024  # of the file; the older half goes when it is full
_LINE_BYTES = 64 * 1024  # 500 ids of 39 bytes, and the rest


def write(paths: names.Paths, receipt: "dict[str, Any]") -> None:
    """Append a receipt. Raises `OSError`."""
    line = json.dumps(receipt, separators=(",", ":")).encode() + b"\n"
    descriptor = files.open_ours(paths["receipts"], os.O_RDWR | os.O_APPEND | os.O_CREAT | names.NO_FOLLOW)
    try:
        size = os.fstat(descriptor).st_size
        if is_torn(descriptor, size):
            line = b"\n" + line  # after one that a crash or a full disk tore
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, "the receipt was cut short", paths["receipts"])
    finally:
        os.close(descriptor)
    if size > MOST_BYTES:
        try:
            _halve(paths["receipts"])
        except OSError:
            pass  # the receipt is written, which is what counts: the next one tries again


def problem(paths: names.Paths) -> str:
    """Why no receipt can be written; "" if one can. Asked before each request: what leaves without a receipt is sent
    again, and that would go on for as long as the file is wrong. Makes no file.
    """
    try:
        os.close(files.open_ours(paths["receipts"], os.O_RDWR | os.O_APPEND | names.NO_FOLLOW))
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{paths.files['receipts']}: {error.strerror}"
    return ""


def of(
    request: "Request", destination: str, form: str, now: float, *, status: int, verdict: str, ids: "list[str]"
) -> "dict[str, Any]":
    """The receipt for a request with the records of these ids, which was answered at `now` (epoch seconds)."""
    return {
        "time": timestamp(now),
        "destination": destination,
        "format": form,
        "records": len(ids),
        "bytes": len(request.content),
        "sha256": hashlib.sha256(request.content).hexdigest(),
        "status": status,
        "verdict": verdict,
        "ids": ids,
    }


def read(paths: names.Paths) -> "Iterator[dict[str, Any]]":
    """The receipts, oldest first; other lines are skipped. Raises `OSError` for an unreadable file."""
    try:
        file = open(paths["receipts"], "rb", opener=files.open_ours)  # noqa: SIM115  # closed below
    except FileNotFoundError:
        return
    with file:
        while line := file.readline(_LINE_BYTES):
            try:
                receipt = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(receipt, dict):
                yield receipt


def _halve(path: str) -> None:
    with open(path, "rb", opener=files.open_ours) as file:
        file.seek(-MOST_BYTES // 2, os.SEEK_END)  # whatever its size: somebody may have made it a large one
        file.readline()
        rest = file.read()
    files.write_private(path, rest)
