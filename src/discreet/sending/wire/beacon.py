"""beacon: one GET a record, which any web server's log can receive.

    GET https://example.org/t?t=mytool&e=search&v=1.4.0&py=3.11.7&os=linux&i=<id>&n=12&results.returned=5&fmt=json

    t   the tool            py  the Python version      i        the record's id: a repeat is harmless
    e   the event           os  the system              install  the installation, where the author asked for it
    v   the tool's version  ... the properties, flattened; booleans are `true` and `false`; no time, no run

    POST https://example.org/t      where the URL would be over 2,000 bytes: the same keys, as one JSON object
    {"t":"mytool","e":"search",...,"n":12,"results.returned":5,"fmt":"json"}

The rule that keeps it honest: a key listed above is the record's and nobody else's: a property of such a name gets a
`_` at its end. The POST is never compressed, since what receives beacons is a few lines long.

Source: the "Anonymous Telemetry Expert" document, whose example lets a property called `t` replace the tool, and says
`True`.
"""

from ... import names
from .facts import apart, flat
from .request import address, get, post

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...destination import Destination
    from ..records import Record
    from .request import Request

URL_BYTES = 2_000  # proxies, logs and old servers cut at 2,048; nginx takes 8,100
RESERVED = {"t": "tool", "e": "event", "v": "version", "py": "py", "os": "os", "i": "id", "install": "install"}
_UNRESERVED = names.TOOL_CHARACTERS + ".~"  # RFC 3986, section 2.3


def encode(records: "list[Record]", destination: "Destination") -> "Request":
    """The request that carries the one record."""
    (record,) = records
    facts = {key: record[fact] for key, fact in RESERVED.items() if fact in record}
    for name, value in flat(record["properties"]).items():
        facts[apart(name, RESERVED)] = value
    url = address(destination)
    joint = "?" if "?" not in url else "" if url[-1] in "?&" else "&"
    url += joint + "&".join([f"{_quote(key)}={_quote(_text(value))}" for key, value in facts.items()])
    if len(url) > URL_BYTES:  # all ASCII
        return post(facts, records, destination, compress=False)
    return get(url, records, destination)


def _text(value: object) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) in (str, int, float):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be sent")


def _quote(text: str) -> str:
    """Percent-encoded (RFC 3986, section 2.1), a space too. By hand: `urllib.parse` costs 13 ms."""
    if not text.strip(_UNRESERVED):
        return text
    return "".join([chr(byte) if chr(byte) in _UNRESERVED else f"%{byte:02X}" for byte in text.encode()])
