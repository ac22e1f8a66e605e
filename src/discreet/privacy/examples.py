"""An example of what a field records: the author's, if the conversion could have made it, else a standard one.

The rule that keeps it honest: what is shown could stand in a record, and is the same every time. If the author gave a
value before its conversion (`example="/home/ada"` of a `TextCount`), its result is shown (9).
"""

from . import OTHER
from .accept import produces
from .spelled import TEXTS, spelling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .conversions import Clean, Conversion

_OURS: "dict[str, Clean]" = {
    "aggregate": 42,
    "boolean": True,
    "command_name": "sync",
    "count": 3,
    "error_name": "ValueError",
    "hash": "0fd53f1e62cbe0f5",
    "text_count": 19,
    "version": "3.11.7",
}
_NUMBER = 42  # converted by the row; no option turns it into nothing
_PLAIN = (bool, int, float, str, list, tuple, dict)  # converting these runs no code of the author's


def example(row: "Conversion") -> "Clean | None":
    """A value that `row` could record; None if it records nothing. Never raises for a conversion of this package."""
    word = spelling(row).word
    if word == "forbid":
        return None
    given = row.example
    if type(given) in _PLAIN:
        given = list(given) if isinstance(given, tuple) else given
        if produces(row, given):
            return given  # type: ignore[return-value]  # of a closed type, as the conversion makes them
        made = _made(row, given)
        if made is not None:
            return made
    if word in _OURS:
        return _OURS[word]
    if word == "number":
        return _made(row, _NUMBER)
    text = next(iter(getattr(row, TEXTS[word])))
    return {text: 2, OTHER: 1} if word == "distribution" else text


def _made(row: "Conversion", value: object) -> "Clean | None":
    """What the row makes of a value, without chance; None for nothing, and for a hash, which needs a secret."""
    try:
        return row.convert(value)
    except (TypeError, ValueError, OverflowError):
        return None  # not a value that this row takes
