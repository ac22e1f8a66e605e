"""Values as senders write them: ids, numbers in texts, moments, OTLP's attributes.

The rule that keeps it honest: a value is read in the one way its format has for it, or it is none; nothing is guessed.
"""

import math
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from .. import names
from ..log import new_ids
from ..sending.distrust import is_id


class Malformed(ValueError):
    """A body that is not of its format at all."""


def identity(given: object) -> str:
    """A UUID: the given one; for other text one from its hash, so that a repeat is recognized; or a random one."""
    if isinstance(given, str) and given:
        text = given.lower()
        if is_id(text) and text[8::5][:4] == "----":
            return text
        digits = blake2b(given.encode(errors="replace"), digest_size=16).hexdigest()
        return uuid(f"{digits[:12]}8{digits[13:16]}8{digits[17:]}")  # version 8 of RFC 9562: custom
    return new_ids(1)[0]


def typed(text: str) -> bool | int | float | str:
    """The number or boolean that is spelled exactly so; else the text."""
    if text in ("true", "false"):
        return text == "true"
    if not text or len(text) > 24 or text.strip("0123456789.e+-"):
        return text
    for kind in (int, float):
        try:
            number = kind(text)
        except (ValueError, OverflowError):
            continue
        if str(number) == text and abs(number) <= names.LARGEST_INTEGER:
            return number
    return text


def attributes(content: object) -> dict[str, Any]:
    """OTLP's attributes by their keys; values of kinds that no record holds are left out."""
    found = {}
    for attribute in items(content):
        key, value = mapping(attribute).get("key"), mapping(mapping(attribute).get("value"))
        if isinstance(key, str) and len(value) == 1:
            ((kind, held),) = value.items()
            read = _value(kind, held)
            if read is not None:
                found[key] = read
    return found


def _value(kind: str, held: object) -> bool | int | float | str | None:
    if kind == "intValue":
        return integer(held)
    if kind == "doubleValue":
        # JavaScript writes 2.0 as 2. The protocol also has texts, for NaN and infinities.
        plain = type(held) in (int, float) and abs(held) <= names.LARGEST_INTEGER  # type: ignore[arg-type]
        return float(held) if plain else None  # type: ignore[arg-type]
    if (kind == "stringValue" and isinstance(held, str)) or (kind == "boolValue" and isinstance(held, bool)):
        return held
    return None


def integer(held: object) -> int | None:
    """A 64-bit integer as a text, as the protocol writes it, or as a number, as JavaScript does."""
    if isinstance(held, str) and len(held) <= 20 and held.isascii() and held.removeprefix("-").isdigit():
        return int(held)
    if isinstance(held, float) and math.isfinite(held) and held.is_integer():
        held = int(held)
    return held if type(held) is int and abs(held) < 1 << 64 else None  # JSON has longer ones


def moment(told: object) -> str:
    """A moment in ISO 8601 as a record has it; "" if it is none. A leap second, which no record has, is the one before
    it.
    """
    text = str(told)
    if text[16:19] == ":60":
        text = f"{text[:17]}59{text[19:]}"
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
    except (ValueError, OverflowError):
        return ""


def uuid(digits: str) -> str:
    """32 hex digits as a UUID is written."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def items(content: object) -> list[Any]:
    """A list; null is an empty one. Raises `Malformed`."""
    if content is None:
        return []
    if not isinstance(content, list):
        raise Malformed("a list was expected")
    return content


def mapping(content: object) -> dict[str, Any]:
    """An object; null is an empty one. Raises `Malformed`."""
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise Malformed("an object was expected")
    return content
