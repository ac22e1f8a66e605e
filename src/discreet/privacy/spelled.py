r"""A field's conversion as one line of plain text, and back. Comparing the lines shows whether it changed.

    count
    number round_to=10 low=0
    number buckets=0,10,100 @enhanced
    one_of "json" "table" epsilon=1.0

    WORD ["TEXT"]... [OPTION=VALUE]... [@enhanced]      one space between two parts; \" and \\ within a text

The rule that keeps it honest: the line says everything that decides what leaves, and nothing else: no purpose and no
example. The same conversion is the same line, in whatever order its texts were declared, and `read` takes no line that
`spelled` would not have written. It imports nothing, since a process may need it at its first event.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeAlias

    from .conversions import Conversion
    from .declaration import Row

    Option: TypeAlias = int | float | str | tuple[int | float, ...]

# The package's own rows. No author can spell them, so they have no word in a declaration.
_OWN = {"CommandName": "command_name", "ErrorName": "error_name", "SampleRate": "sample_rate"}
# What each word is followed by: the attribute that holds its texts, and its options in the order they are written in.
TEXTS = {"distribution": "items", "error_name": "choices", "one_of": "choices"}
_OPTIONS = {
    "boolean": ("epsilon",),
    "number": ("round_to", "significant", "low", "high", "buckets"),
    "one_of": ("epsilon",),
    "sample_rate": ("rate",),
}
_WORDS = frozenset(("aggregate", "count", "forbid", "hash", "text_count", "version", *_OWN.values(), *TEXTS, *_OPTIONS))
BELOW = "/"  # between a field and one within it: unlike a dot, no name can hold it


class Spelling:
    """A line taken apart: `word`, `texts` in alphabetical order, `options` by name, `level`.

    An option is a number; `buckets` is a tuple of numbers, or a word.
    """

    __slots__ = ("level", "options", "texts", "word")

    def __init__(self, word: str, texts: "tuple[str, ...]", options: "Mapping[str, Option]", level: str) -> None:
        self.word = word
        self.texts = texts
        self.options = options
        self.level = level

    def __str__(self) -> str:
        parts = [self.word, *map(_quoted, self.texts)]
        parts += [f"{name}={_written(value)}" for name, value in self.options.items()]
        return " ".join(parts if self.level == "basic" else [*parts, f"@{self.level}"])


def spelling(row: "Conversion") -> Spelling:
    """What a row comes to. Never raises for a conversion of this package."""
    word = _OWN.get(type(row).__name__, row.word)
    texts = tuple(sorted(getattr(row, TEXTS[word]))) if word in TEXTS else ()
    given = {name: getattr(row, name) for name in _OPTIONS.get(word, ())}
    return Spelling(word, texts, {name: value for name, value in given.items() if value is not None}, row.level)


def spelled(row: "Conversion") -> str:
    """The line of a row. Never raises for a conversion of this package."""
    return str(spelling(row))


def fields(rows: "Mapping[str, Row]") -> "Iterator[tuple[str, Conversion]]":
    """Each field of an event with its row; one within a field as `results/returned`."""
    for name, row in rows.items():
        if isinstance(row, dict):
            yield from ((f"{name}{BELOW}{inner}", conversion) for inner, conversion in row.items())
        else:
            yield name, row


def read(line: str) -> Spelling:
    """A line taken apart. Raises `ValueError`, which does not show the line, for one that `spelled` never writes."""
    try:
        spelling = _taken_apart(line)
    except ValueError:
        spelling = None
    # Parts out of place, repeated, or written differently show when the line is written again.
    if spelling is None or not _is_sound(spelling) or str(spelling) != line:
        raise ValueError("not the spelling of a conversion")
    return spelling


def _taken_apart(line: str) -> Spelling:
    word, _, rest = line.partition(" ")
    texts: list[str] = []
    options: dict[str, Option] = {}
    level = "basic"
    while rest:
        if rest[0] == '"':
            text, rest = _unquoted(rest)
            texts.append(text)
            continue
        part, _, rest = rest.partition(" ")
        name, found, value = part.partition("=")
        if found:
            options[name] = _read_option(name, value)
        else:
            level = part.removeprefix("@")
    return Spelling(word, tuple(sorted(set(texts))), options, level)


def _is_sound(found: Spelling) -> bool:
    """Whether the parts are those of the word, in their order."""
    known = [name for name in _OPTIONS.get(found.word, ()) if name in found.options]
    texts = bool(found.texts) == (found.word in TEXTS) or found.word == "error_name"
    return found.word in _WORDS and found.level in ("basic", "enhanced") and texts and list(found.options) == known


def _quoted(text: str) -> str:
    """A printable text in quotes, as JSON writes it: only these two characters need an escape."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(rest: str) -> tuple[str, str]:
    """The quoted text that begins `rest`, and what follows after a space. Raises `ValueError` if it has no end."""
    text, at = "", 1
    while rest[at : at + 1] != '"':
        at += rest[at : at + 1] == "\\"
        if at >= len(rest):
            raise ValueError("a text has no end")
        text += rest[at]
        at += 1
    return text, rest[at + 2 :]


def _written(value: "Option") -> str:
    return ",".join(map(repr, value)) if isinstance(value, tuple) else value if isinstance(value, str) else repr(value)


def _read_option(name: str, value: str) -> "Option":
    if name != "buckets":
        return _number(value)
    return value if value[:1].isalpha() else tuple(map(_number, value.split(",")))


def _number(text: str) -> int | float:
    """A number as `repr` writes it. Raises `ValueError`."""
    number = float(text) if text.strip("-0123456789") else int(text)
    if number - number != 0:  # NaN or an infinity
        raise ValueError("not a number")
    return number
