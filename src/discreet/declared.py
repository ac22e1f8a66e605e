"""A declaration in a process that is off: if it is plainly legal, it is made only once something is asked of it.

The rule that keeps it honest: what is plain here is legal in `privacy.declaration`, which judges everything else at
once. A test compares the two. So an author hears of a mistake in any process, and a user who is off does not wait for
rooms that are not needed. It imports none.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .privacy.declaration import Declaration

_HERE = __name__.rpartition(".")[0]  # in a tool's own copy of the package, the rows of another copy are refused
_CONVERSIONS, _EVENT = f"{_HERE}.privacy.conversions", f"{_HERE}.privacy.event"  # where rows and event classes are from
_WORDS = ("aggregate", "boolean", "count", "forbid", "hash", "number", "text_count", "version")  # need no options
_CHOICES = ("one_of", "distribution")
_STEPS = {"round_to": 1_000_000, "significant": 15}  # the plain options of a number, whole ones up to this
_LEVELS = ("basic", "enhanced")
_LENGTH = 64  # of a name, or a choice


def declaration(events: "Any", fields: "Any") -> "Declaration":
    """The declaration of these, made later if they are plainly legal. Raises `ValueError` as `Declaration` does."""
    copies = _copied(events, _event) if type(events) is dict else _classes(events), _copied(fields or {}, _row)
    if None not in copies:
        return Later(*copies)  # type: ignore[return-value]  # it answers as one
    from .privacy.declaration import Declaration

    return Declaration(events, fields)


class Later:
    """A declaration that is made at the first question, and then answers as one."""

    def __init__(self, *given: object) -> None:
        self._given: Any = given

    def __getattr__(self, name: str) -> "Any":
        if name[:1] == "_":  # what `copy` and `pickle` look for, before there is anything to make one of
            raise AttributeError(name)
        from .privacy.declaration import Declaration

        made = self.__dict__.setdefault("_made", Declaration(*self._given))  # of several threads one wins
        self.__dict__.update({known: getattr(made, known) for known in (*Declaration.__slots__, "rows")})
        return getattr(made, name)


def _copied(specs: object, one: "Any") -> "dict[Any, Any] | None":
    """A copy of a mapping of legal names to what `one` makes a copy of; None if anything is not plain."""
    if type(specs) is not dict or not all(map(_is_name, specs)):
        return None
    copies = {name: one(spec) for name, spec in specs.items()}
    return None if None in copies.values() else copies


def _event(spec: "Any") -> "dict[str, object] | None":
    if type(spec) is not dict or type(spec.get("fields")) is not dict:
        return _copied(spec, _row)
    fields, purpose = _copied(spec["fields"], _row), spec.get("purpose", "")
    plain = fields is not None and type(purpose) is str and len(spec) == 1 + ("purpose" in spec)
    return {"fields": fields, "purpose": purpose} if plain else None


def _classes(events: "Any") -> "tuple[type, ...] | None":
    return tuple(events) if type(events) in (list, tuple) and all(map(_is_plain, events)) else None


def _is_plain(kind: "Any") -> bool:
    """Whether this is a class directly below `Event`, without a rate, and with nothing but rows."""
    if not isinstance(kind, type) or len(kind.__mro__) != 3 or kind.__mro__[1].__module__ != _EVENT:
        return False
    own: dict[str, Any] = {name: value for name, value in vars(kind).items() if name[:1] != "_"}
    usual = vars(kind).get("_sample") is None and isinstance(kind.__doc__ or "", str)
    return usual and _is_name(own.pop("event_name", None)) and _copied(own, _row) is not None


def _row(spec: "Any") -> object:
    """The row, or a copy of its mapping; None if it is not plain."""
    if type(spec) is str:
        return spec if spec in _WORDS else None
    if type(spec) is not dict:
        known = type(spec).__module__ == _CONVERSIONS and type(spec).word != "" and spec.epsilon is None
        return spec if known else None
    options = {word: value for word, value in spec.items() if word not in ("purpose", "example", "level")}
    if len(options) != 1 or type(spec.get("purpose", "")) is not str or spec.get("level", "basic") not in _LEVELS:
        return None
    for word, value in options.items():
        if word in _CHOICES and type(value) in (list, tuple) and value and all(map(_is_choice, value)):
            return {**spec, word: tuple(value)}
        if word in _WORDS and (value is True or (word == "number" and _is_step(value))):
            return {**spec, word: value if value is True else {**value}}
    return None


def _is_choice(text: object) -> bool:
    return type(text) is str and 0 < len(text) <= _LENGTH and text.isprintable()


def _is_step(options: object) -> bool:
    if type(options) is not dict or len(options) != 1:
        return False
    ((name, value),) = options.items()
    return type(value) is int and 0 < value <= _STEPS.get(name, 0)


def _is_name(text: "Any") -> bool:
    """Whether this is a legal name; `names.legal_name` knows the rule, and is not loaded here."""
    plain = type(text) is str and len(text) <= _LENGTH and text.isascii() and text == text.lower()
    return plain and text[:1].isalpha() and text.replace(".", "_").isidentifier()
