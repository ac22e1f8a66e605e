"""Asking for deletion: which records a receipt says were sent where, and the requests that name them.

    POST https://example.org/records          to a json destination, with its own headers; never compressed
    {"forget":["<uuid>", ...]}                at most 500; a 2xx says that the receiver has taken it

The rule that keeps it honest: a request holds only ids that a receipt names for that very host and path, so it tells no
receiver of anything that it was not sent.
"""

import json

from .. import files
from . import receipts
from .distrust import is_id
from .wire.request import post

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from .. import names
    from ..destination import Destination
    from .wire import Request

    Sent: TypeAlias = dict[tuple[str, str], list[str]]  # (address as it is shown, format) -> ids, oldest first

IDS = 500  # of one request and one receipt: 20 KB, far below any bound


def sent(paths: "names.Paths") -> "Sent":
    """What the receipts say was sent; what is no id is skipped. Raises `OSError` if they cannot be read."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for receipt in receipts.read(paths):
        where, form, ids = receipt.get("destination"), receipt.get("format"), receipt.get("ids")
        if isinstance(where, str) and isinstance(form, str) and isinstance(ids, list):
            found.setdefault((where, form), {}).update(dict.fromkeys(filter(is_id, ids)))
    return {key: list(ids) for key, ids in found.items() if ids}


def requests(ids: list[str], destination: "Destination", tool: str, version: str) -> "Iterator[tuple[int, Request]]":
    """The requests that together name all of `ids`, each with the number of its ids."""
    agent = {"tool": tool, "version": version}
    for batch in batches(ids):
        yield len(batch), post({"forget": batch}, [agent], destination, compress=False)


def keep(paths: "names.Paths", left: "Sent") -> None:
    """Let the receipts hold only these ids, and where they were sent. Raises `OSError`."""
    lines = [
        {"destination": where, "format": form, "records": len(batch), "verdict": "forget", "ids": batch}
        for (where, form), ids in left.items()
        for batch in batches(ids)
    ]
    content = "".join(f"{json.dumps(line, separators=(',', ':'))}\n" for line in lines)
    files.write_private(paths["receipts"], content.encode())


def batches(ids: list[str]) -> "Iterator[list[str]]":
    """The ids in their order, at most `IDS` at a time."""
    return (ids[at : at + IDS] for at in range(0, len(ids), IDS))
