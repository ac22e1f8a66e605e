"""json: the records as they are on the log, but for their time.

    POST https://example.org/t
    {"records":[{"v":1,"id":"<uuid4>","time":"2026-11-20T10:00:00Z",...}, ...]}     each as `log.py` draws it

The rule that keeps it honest: these keys in this order and no others, so whoever has read the log has read this; the
time is cut to the destination's precision.
"""

from .facts import cut
from .request import post

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...destination import Destination
    from ..records import Record
    from .request import Request

KEYS = ("v", "id", "time", "run", "event", "tool", "version", "py", "os", "install", "properties")


def encode(records: "list[Record]", destination: "Destination") -> "Request":
    """The request that carries the records."""
    precision = destination.time_precision
    return post({"records": [_record(record, precision) for record in records]}, records, destination)


def _record(record: "Record", precision: str) -> "Record":
    return {key: cut(record[key], precision) if key == "time" else record[key] for key in KEYS if key in record}
