"""What would leave of an object, for its author: the same conversions, without an installation.

The rule that keeps it honest: it shows what the recorder would record of the object by the object's own rows, through
the very same filter. It makes no file: what needs the secrets of an installation is shown as a placeholder.
"""

from ..privacy import Filter, keys
from ..privacy.declaration import Declaration
from ..privacy.event import Event
from ..privacy.objects import clean_object
from ..privacy.rows import Rows
from ..telemetry import Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..privacy.conversions import Convert
    from ..privacy.declaration import Row

NO_HASH = "0" * 16  # in the form of a hash; one in 2**64 equals it by chance
BY_LOT = "<by lot>"  # in place of an answer by lot, whatever its type would be


def serialize(obj: object, *, level: str = "basic") -> "dict[str, Any]":
    """The properties that would leave of an `Event` instance, or of an object with `_telemetry_keys()`, as a new dict.

    `level` is that of the user's consent, "basic" or "enhanced". A `Hash` is shown as sixteen zeros, and an answer by
    lot (`epsilon=`) as the text `<by lot>`. A sampled event is shown as if it were drawn. If the event would be
    dropped, as a value does not fit its conversion, the result is empty; `DISCREET_DEBUG=1` shows why. The `events=` of
    a `Telemetry` are not known here; a row that they declare takes the place of the object's own.

    Raises `TypeError` for any other object, and nothing else. No file is read or made.
    """
    if not isinstance(obj, Event) and not keys.speaks(type(obj)):
        raise TypeError(f"{type(obj).__name__!r} object is neither an Event nor an object with {keys.METHOD}()")
    recorder = Recorder("serialize")
    found: Any = recorder.border("conversion", _clean, recorder, obj, level)
    return found or {}


class _Rows(Rows):
    """The rows without an installation: there is no salt to hash or draw with, and every event is recorded."""

    def _drawn(self, rate: float) -> bool:
        return True

    def _bind(self, event: str, field: str, row: "Row", common: bool) -> "Convert":
        if isinstance(row, dict) or row.epsilon is None or self._withholds(row):
            return super()._bind(event, field, row, common)
        return lambda value: None if row.convert(value) is None else BY_LOT


class Shown(Filter):
    """The filter of `recorder`, without an installation."""

    def __init__(self, recorder: Recorder, declaration: Declaration, level: str) -> None:
        super().__init__(declaration, level, lambda *_: NO_HASH, recorder.lose, environ=recorder.environ)
        self._declared = _Rows(declaration, *self._installation)


def _clean(recorder: Recorder, thing: object, level: str) -> "dict[str, Any] | None":
    declaration = Declaration([type(thing)] if isinstance(thing, Event) else ())
    recorder._filter = shown = Shown(recorder, declaration, level)
    return clean_object(shown, thing, {})[1]
