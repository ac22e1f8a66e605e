"""What is wrong with a row of a declaration, in a sentence for whoever wrote it.

The rule that keeps it honest: it decides nothing. What comes here was refused already; the sentence guesses from what
was typed what was meant. A correct declaration never loads it.
"""

from .conversions import Conversion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeAlias

    Kinds: TypeAlias = Mapping[str, type[Conversion]]  # by their words

_VARIABLE = 0x04  # CO_VARARGS of a code object's flags: it takes any number of values


def mistake(where: str, spec: object, error: Exception | None, kinds: "Kinds", beside: "tuple[str, ...]") -> str:
    """Where and why `spec` is no row. `error` is what reading it raised; `beside` is what may stand beside a word."""
    if not isinstance(spec, dict):
        return f"{where}: {_of_value(spec, kinds)}{_of_event(where)}"
    told = _of_mapping(spec, kinds, beside)
    if not told and str(error).startswith(where):  # it is about a field within, and says where
        return str(error)
    return f"{where}: {told or error}"


def meant(key: object, known: "Iterable[str]") -> str:
    """The end of a sentence about an unknown key: which one was meant, or which there are."""
    near = _nearest(key, known)
    return f"; did you mean {near!r}?" if near else f"; there are {', '.join(known)}"


def _nearest(key: object, known: "Iterable[str]") -> str:
    from difflib import get_close_matches  # only for a sentence that ends the program

    return next(iter(get_close_matches(str(key), known, 1)), "")


def _of_event(where: str) -> str:
    """The end of a sentence about a field whose name is a key of an event's long form."""
    event, _, field = where.partition(", field ")
    if event.startswith("event ") and field in ("'purpose'", "'sample'"):
        return "; if it describes the event, put the fields beside it, under 'fields'"
    return ""


def _of_value(spec: object, kinds: "Kinds") -> str:
    if isinstance(spec, str):
        if spec in kinds:
            return f"{spec} takes a list of texts, as in {{{spec!r}: ['one', 'two']}}"
        return f"{spec!r} is not a conversion; there are {', '.join(kinds)}"
    if isinstance(spec, type) and spec in kinds.values():
        package, inside = __name__.partition(".privacy")[0], "..." if _takes_texts(spec) else ""
        return f"{spec.__name__} is a class; write {package}.{spec.__name__}({inside})"
    name = type(spec).__name__
    if hasattr(type(spec), "keys"):  # no class of mappings, such as `dict`
        return f"a row that is a mapping must be a dict, not of type {name}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name} is not a conversion of this package"


def _of_mapping(spec: "dict[Any, Any]", kinds: "Kinds", beside: "tuple[str, ...]") -> str:
    """What is wrong, if a conversion was meant; "" if fields were, or if the conversion itself says it."""
    keys = [key for key in spec if key not in beside]
    if spec and not keys and not any(_is_row(value, kinds) for value in spec.values()):
        return f"no conversion is given with {' and '.join(map(repr, spec))}; it is one of {', '.join(kinds)}"
    alone = len(keys) == 1
    words = [key for key in keys if key in kinds and not _is_row(spec[key], kinds, alone)]
    if len(words) > 1:
        return f"{' and '.join(words)} are conversions; a row takes only one"
    if not words:
        return _of_misspelled(keys[0], spec[keys[0]], kinds) if alone else ""
    word, others = words[0], [key for key in keys if key != words[0]]
    if others and all(_is_row(spec[key], kinds) for key in others):
        return ""  # fields, one of which has the name of a conversion
    for key in others:
        if key in _options(kinds[word]):
            return f"{key!r} is an option of {word}, and stands within it, as in {{{word!r}: {{{key!r}: ...}}}}"
        return f"unknown key {key!r} beside {word!r}{meant(key, beside)}"
    return _of_options(word, kinds[word], spec[word], [key for key in spec if key in beside])


def _of_misspelled(key: object, value: object, kinds: "Kinds") -> str:
    """What is wrong, if the only key is nearly a conversion's word, and holds what a conversion takes."""
    takes = value is True or (isinstance(value, (list, tuple, dict)) and not _is_row(value, kinds))
    near = _nearest(key, kinds) if takes else ""
    return f"{key!r} is not a conversion; did you mean {near!r}?" if near else ""


def _of_options(word: str, kind: "type[Conversion]", options: object, remarks: "list[str]") -> str:
    """What is wrong with the options at a conversion's word, or with the remarks beside it."""
    known, places, texts = _options(kind), _places(kind), _takes_texts(kind)
    listed = isinstance(options, (list, tuple)) and (texts or len(options) <= len(places))
    if not listed and (texts or not (options is True or isinstance(options, dict))):
        takes = "a list of texts" if texts else "true or a mapping of its options" if places else "true"
        return f"{word} takes {takes}, not {options!r}"
    within: list[Any] = list(options) if isinstance(options, dict) else []
    for key in (*within, *remarks):
        if key not in known:
            near = _nearest(key, known)
            return f"{word} has no option {key!r}; it has {', '.join(known)}" + (near and f"; did you mean {near!r}?")
    placed = places[: len(options)] if listed else ()  # type: ignore[arg-type]  # a list: looked at above
    twice = next((key for key in remarks if key in (*within, *placed)), "")
    return twice and f"{twice} is given twice: to {word}, and beside it"


def _is_row(value: object, kinds: "Kinds", alone: bool = False) -> bool:
    """Whether a value looks like a row at first sight. A mapping `alone`, at the only key, is a word's options."""
    if isinstance(value, dict):
        return not alone and any(key in kinds for key in value)
    return value in kinds if isinstance(value, str) else isinstance(value, Conversion)


def _code(kind: "type[Conversion]") -> "Any":
    return vars(kind).get("__init__", Conversion.__init__).__code__


# Without `inspect`, which costs 10 ms: a running tool may come here with an object of its own.
def _options(kind: "type[Conversion]") -> "tuple[str, ...]":
    """The options of a conversion, including those that every conversion has."""
    code = _code(kind)
    return tuple(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])


def _places(kind: "type[Conversion]") -> "tuple[str, ...]":
    return _options(kind)[: _code(kind).co_argcount - 1]


def _takes_texts(kind: "type[Conversion]") -> bool:
    return bool(_code(kind).co_flags & _VARIABLE)
