"""The filter: what of an event may leave. It runs in the caller's frame, before anything is queued.

The rule that keeps it honest: a value leaves through its row's conversion or not at all. A field without a row passes
only if the author declared no event, and only as a bare number or boolean. Everything else is dropped and counted. An
exception in a conversion (which may run the caller's own `__len__` or `__bool__`) drops the event.
"""

import builtins

from .. import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .conversions import Clean, Convert, Draw, Pseudonymize
    from .declaration import Declaration
    from .rows import Rows

OTHER = "other"  # in place of a text that is not declared
SAMPLE_RATE = "sample_rate"  # the field of a sampled event that holds its rate
# An integer of ten digits may be a telephone number, an account or a time: none passes without a row.
UNDECLARED_LIMIT = 10**9
_REMEMBERED = 256  # prepared events, and legal names, that are kept; any more are made and checked each time


def command_name(value: object) -> str:
    """The name of a command, as the host's code gives it: a legal name, or `other`."""
    return value if names.legal_name(value) else OTHER


def error_name(value: object) -> "str | None":
    """The name of a built-in exception class, or `other`, also for the private classes that some Pythons have."""
    kind = vars(builtins).get(value) if type(value) is str and value[:1] != "_" else None
    if isinstance(kind, type) and issubclass(kind, BaseException):
        return value  # type: ignore[return-value]  # a str: it was looked up as one
    return None if value is None else OTHER


def _number(value: object) -> "Clean | None":
    """An int or float that JSON holds exactly, or nothing."""
    if type(value) not in (int, float):
        return None
    return value if -names.LARGEST_INTEGER <= value <= names.LARGEST_INTEGER else None  # type: ignore[operator, return-value]


# The events that `Telemetry.command` and `session` record if the author declared nothing. `declaration` has the same
# rows with their purposes; a test compares the two.
OWN: "dict[str, dict[str, Convert]]" = {
    "command": {
        "command": command_name,
        "duration_ms": _number,
        "success": bool,
        "exit_code": _number,
        "error": error_name,
    },
    "session": {"part": _number, "duration_ms": _number, "success": bool, "error": error_name},
}
# The lines of `coverage` for an empty declaration (a test compares): these rows and the default rule. They are here
# since loading that module would make the first run of a tool that declares nothing and sends nowhere 5 % slower.
UNDECLARED_LINES = (
    "*",
    "command",
    "command command command_name",
    "command duration_ms number",
    "command error error_name",
    "command exit_code number",
    "command success boolean",
    "session",
    "session duration_ms number",
    "session error error_name",
    "session part number",
    "session success boolean",
)


class Filter:
    """The rows of one tool, prepared. The caller's frame runs only `clean(event, properties)`.

    `lose(reason)` is called for each thing dropped: `event_name`, `field_name`, `undeclared_event`, `undeclared_field`,
    `undeclared_value`, `too_many_fields`. If `environ` has `DISCREET_DEBUG=1`, each is reported on stderr as well.
    """

    def __init__(
        self,
        declaration: "Declaration | None",
        level: str,
        pseudonymize: "Pseudonymize",
        lose: "Callable[[str], None]",
        draw: "Draw | None" = None,
        *,
        environ: "Mapping[str, str] | None" = None,
    ) -> None:
        self._closed = declaration is not None and declaration.closed
        self._lose = lose
        self._debug = environ is not None and environ.get("DISCREET_DEBUG") == "1"
        self._installation = level, pseudonymize, self._drop, draw
        self._declared: Rows | None = None
        if declaration is not None:
            from . import rows

            self._declared = rows.Rows(declaration, *self._installation)
        self._rows: dict[str, dict[str, Convert]] = {}
        self._bare: set[str] = set()  # legal names without a row, if such may pass

    def clean(self, event: str, properties: "Mapping[str, object]") -> "dict[str, Clean] | None":
        """The properties that may leave, as new objects; None if the whole event may not.

        Raises whatever a value raises while it is converted; the caller then drops the event.
        """
        cleaned: dict[str, Clean] = {}
        rows = self._rows.get(event) if type(event) is str else None
        if rows is None:
            rows = self._prepare(event)
            if rows is None:
                return None
            if self._declared is not None and event in self._declared.sampled:
                cleaned[SAMPLE_RATE] = rows[SAMPLE_RATE](None)  # type: ignore[assignment]  # the rate, whatever it is given
        bare, most, low, high = self._bare, names.PROPERTIES, -UNDECLARED_LIMIT, UNDECLARED_LIMIT
        for name, value in properties.items():
            # A subclass of `str` (such as a member of a text enum) may equal one name and yet be written as another.
            if type(name) is str and (convert := rows.get(name)) is not None:
                result = convert(value)
            elif (
                ((kind := type(value)) is int or kind is float or kind is bool)
                and type(name) is str
                and name in bare
                and low < value < high  # type: ignore[operator]
            ):
                result = value  # type: ignore[assignment]  # the default rule in its simplest case, inlined for speed
            else:
                result = self._undeclared(event, name, value)
            if result is not None:
                if len(cleaned) == most:
                    self._drop("too_many_fields", event, name)
                    break
                cleaned[name] = result
        return cleaned

    def explain(self, reason: str, *about: object) -> None:
        """Say on stderr what was dropped. `about` is an event, its field and the field within that; or the error that
        cost an event. Never raises.
        """
        if not __name__:  # a finalizer may call this when the names of this module are gone
            return
        try:
            from . import debug

            debug.tell(reason, *about)
        except (ImportError, OSError, RecursionError):
            pass  # the interpreter is ending, or no descriptor, no stream or no frame is left
        except (KeyError, AttributeError, NameError):
            pass  # a signal handler or a finalizer interrupted this thread while it imported the same module

    def _drop(self, reason: str, event: object, *fields: object) -> None:
        self._lose(reason)
        if self._debug:
            self.explain(reason, event, *fields)

    def _undeclared(self, event: str, name: object, value: object) -> "Clean | None":
        """The default rule for a field that no row names."""
        if not names.legal_name(name):
            self._drop("field_name", event, name)
            return None
        if self._closed:
            self._drop("undeclared_field", event, name)
            return None
        if len(self._bare) < _REMEMBERED:
            self._bare.add(name)
        if value is None or value is True or value is False:
            return value
        number: int | float | None = None
        if isinstance(value, int):
            number = int.__add__(value, 0)  # an exact int, whatever a subclass overrides
        elif isinstance(value, float):
            number = float.__add__(value, 0.0)
        if number is not None and -UNDECLARED_LIMIT < number < UNDECLARED_LIMIT:  # neither NaN nor an infinity is
            return number
        self._drop("undeclared_value", event, name)
        return None

    def _prepare(self, event: str) -> "dict[str, Convert] | None":
        """The rows of an event that is new or sampled; None if it may not leave, or was not drawn this time."""
        if not names.legal_name(event):
            self._drop("event_name", event)
            return None
        rows: dict[str, Convert] = OWN.get(event, {})
        if self._declared is not None:
            declared = self._declared.prepare(event)
            if declared is None or event in self._declared.sampled:
                return declared
            rows = declared
        if len(self._rows) < _REMEMBERED:
            self._rows[event] = rows
        return rows
