"""Headers in one variable: `Authorization: Bearer xxxx`, or the OpenTelemetry form `k=v,k2=v2`.

The rule that keeps it honest: a text that could smuggle in another header or line is refused as a whole, and no value
is ever part of a message.
"""

from ..destination import TOKEN


def parsed(text: str) -> dict[str, str]:
    """The headers in `text`: several by comma or newline, each `Name: value` or `name=value`.

    Of `:` and `=`, the first one after a header's name decides; after `=` the value is percent-decoded (OpenTelemetry's
    OTEL_EXPORTER_OTLP_HEADERS), after `:` it is not. A comma is part of the value if what follows is no header; at the
    end of a value it is dropped. Raises `ValueError`, without any of the text.
    """
    try:
        text.encode()
    except UnicodeEncodeError:  # a variable with other bytes, which the error would quote
        raise ValueError("headers must be text in UTF-8") from None
    found: dict[str, str] = {}
    for item in _items(text):
        name, separator, value = _divided(item)
        if not separator:
            raise ValueError("each header must be `Name: value` or name=value")
        name, value = (_decoded(name), _decoded(value)) if separator == "=" else (name, value)
        if not (value.isascii() and value.isprintable()):
            raise ValueError("a header's value must be printable ASCII on one line")
        found[name] = value
    return found


def _items(text: str) -> list[str]:
    items: list[list[str]] = []  # each in pieces: a text that grows piece by piece is copied each time
    for line in text.split("\n"):
        if "\r" in line:
            raise ValueError("a carriage return has no place in a header")
        first = True
        for part in line.split(","):
            if not first and not _divided(part.strip())[1]:
                items[-1].append(part)
            elif part.strip():
                items.append([part.strip()])
                first = False
    return [",".join(pieces).rstrip(", ") for pieces in items]  # empty ones are none (RFC 9110, section 5.6.1)


def _divided(item: str) -> tuple[str, str, str]:
    """Name, `:` or `=`, and value; no separator if no name comes before one."""
    ends = [at for at in (item.find(":"), item.find("=")) if at > 0]
    if not ends or _decoded(item[: min(ends)].strip()).strip(TOKEN):
        return item, "", ""
    end = min(ends)
    return item[:end].strip(), item[end], item[end + 1 :].strip()


def _decoded(text: str) -> str:
    """Percent-decoded, or as it was if that is not UTF-8."""
    try:
        return percent_decoded(text).decode()
    except UnicodeDecodeError:
        return text


def percent_decoded(text: str) -> bytes:
    """The bytes of a text (RFC 3986, section 2.1); a `%` before anything but two hex digits stays. `urllib.parse` does
    the same, for 13 ms.
    """
    first, *rest = text.split("%")
    decoded = [first.encode()]
    for part in rest:
        code = part[:2]
        if len(code) == 2 and not code.strip("0123456789abcdefABCDEF"):
            decoded += bytes.fromhex(code), part[2:].encode()
        else:
            decoded += b"%", part.encode()
    return b"".join(decoded)
