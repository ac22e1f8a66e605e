"""A manifest: the options of `Telemetry` from a file that people review, usually `telemetry.toml`.

    name = "mytool"
    destination = "https://collector.example.org/v1/traces"

    [fields]                                  # rows for fields of any event
    duration_ms = "number"

    [events.search]                           # a name with a dot in quotes: [events."import.from_code"]
    purpose = "are results found at all?"
    sample = 0.1

    [events.search.fields]
    results = "count"
    fmt = {one_of = ["json", "table"], purpose = "is the table output worth its code?"}

The rule that keeps it honest: an unknown key is refused by its name, so that nobody reads in the file what the package
ignores. Values are checked by the code that checks the same in Python. Secrets are refused: the file is to be public.

Format: TOML 1.0 (https://toml.io/en/v1.0.0), as the standard library reads it.
"""

import os

from . import names, toml
from .telemetry import Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeVar

    from .destination import Destination

    _Made = TypeVar("_Made", bound=Recorder)

_OPTIONS: "dict[str, Any]" = vars(Recorder)["__init__"].__kwdefaults__
# Every option that a line can hold. `settings` is the user's configuration: it has no place in the author's file.
TYPED = ("program", "verbs")  # what users type before a verb: attributes of a `Telemetry`, not options
KEYS = ("name", "tool", *(option for option in _OPTIONS if option != "settings"), *TYPED)
EVENT_KEYS = ("purpose", "sample", "fields")
# Headers that carry nothing but a secret. The user, or the author's code, may set them.
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie")
_TABLES = ("fields", "events", "files")
_KINDS = {str: "text", bool: "true or false"}
_LONG_KEY = r"""(?:\.[ \t]*(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*){100}"""
_INFINITE = (float("inf"), float("-inf"))


def made(kind: "type[_Made]", path: "str | os.PathLike[str]", overrides: "Mapping[str, Any]") -> "_Made":
    """A `Telemetry` from the file, with the `overrides` that are not None. Raises `ValueError`, and `TypeError` for an
    override that is no option.
    """
    place, options = os.fspath(path), read(path)
    given = {option: value for option, value in overrides.items() if value is not None}
    said = {key: options.pop(key) for key in TYPED if key in options}
    if "name" not in options and "name" not in given:
        raise ValueError(f'{place}: it names no tool; write name = "..." at its top')
    try:
        found = kind(**{"name": "unnamed", **options})  # first without overrides: they would hide mistakes in the file
    except RecursionError:
        raise ValueError(f"{place}: its rows are nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    try:
        found = kind(**{**options, **given}) if given else found
    except TypeError as error:
        raise misnamed("from_manifest", given, error) from None
    for key, value in said.items():
        setattr(found, key, value)
    return found


def misnamed(door: str, options: "Iterable[str]", error: TypeError) -> TypeError:
    """The error to raise. If an unknown option caused it, it says that `door`, the function called, has none such."""
    for option in options:
        if option not in _OPTIONS and repr(option) in str(error):
            from .privacy.mistakes import meant

            return TypeError(f"{door}() has no option {option!r}{meant(option, _OPTIONS)}")
    return error


def read(path: "str | os.PathLike[str]") -> "dict[str, Any]":
    """The options that the file holds, `name` among them if it is given.

    Raises `ValueError` that begins with the path. Names and rows are checked by `Telemetry`, not here.
    """
    place = os.fspath(path)
    try:
        return _options(_document(_text(place)))
    except UnicodeDecodeError as error:
        raise ValueError(f"{place}: it is not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise ValueError(f"{place}: its values are nested too deeply") from None
    except OSError as error:
        raise ValueError(f"{place}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _document(text: str) -> "dict[str, Any]":
    try:
        return toml.read(text)
    except toml.Unplain:
        import re
        import tomllib  # it reads the rest of TOML, and knows the line of a mistake

        if re.search(_LONG_KEY, text):  # `tomllib` takes quadratic time: a minute for a file full of one key
            raise ValueError("a key has too many parts") from None
        return tomllib.loads(text)


def _text(place: str) -> str:
    content = names.read_small(place)
    if len(content) >= names.SMALL_BYTES:
        raise ValueError(f"it is larger than {names.SMALL_BYTES // 1024} KiB")
    return content.decode()


def _options(found: "dict[str, Any]") -> "dict[str, Any]":
    _check_keys("", found, KEYS)
    for key, value in found.items():
        _check_value(key, value)
    if "tool" in found:
        if "name" in found:
            raise ValueError("name and tool are the same; write one of them")
        found["name"] = found.pop("tool")
    for option in _TABLES:
        if option in found and not isinstance(found[option], dict):
            raise ValueError(f"{option} must be a table, such as [{option}]")
    for option, value in found.items():
        if option not in (*_TABLES, "destination") and type(value) is not _kind(option):
            raise ValueError(f"{option} must be {_KINDS[_kind(option)]}, not {value!r}")
        if option in TYPED and not (value.isprintable() and (value.strip() or option == "verbs")):
            raise ValueError(f"{option} must be what can be typed on one line, not {value!r}")
    if "destination" in found:
        found["destination"] = _destinations(found["destination"])
    if "events" in found:
        found["events"] = {event: _event(event, spec) for event, spec in found["events"].items()}
    return found


def _kind(option: str) -> type:
    return bool if type(_OPTIONS.get(option)) is bool else str


def _event(event: str, spec: object) -> "dict[str, object]":
    """The long form of an event, once its keys and their kinds are checked."""
    where, table = f"event {event!r}", f'events."{event}"' if "." in event else f"events.{event}"
    if not isinstance(spec, dict):
        raise ValueError(f"{where} must be a table, such as [{table}]")
    rows = f"; its fields stand under [{table}.fields]"
    for key, value in spec.items():
        if key not in EVENT_KEYS and isinstance(value, dict):  # a row, or the second half of a dotted name
            raise ValueError(
                f'{where}: unknown key {key!r}{rows}; a name with a dot is quoted: [events."{event}.{key}"]'
            )
    _check_keys(f"{where}: ", spec, EVENT_KEYS, rows)
    if not isinstance(spec.get("purpose", ""), str):
        raise ValueError(f"{where}: purpose must be text, not {spec['purpose']!r}")
    if type(spec.get("sample", 1)) not in (int, float):
        raise ValueError(f"{where}: sample must be a number above 0 and at most 1, not {spec['sample']!r}")
    if not isinstance(spec.get("fields", {}), dict):
        raise ValueError(f"{where}: fields must be a table, such as [{table}.fields]")
    return {**spec, "fields": spec.get("fields", {})}


def _destinations(given: object) -> "list[Destination]":
    items = given if isinstance(given, list) else [given]
    return [
        _destination("destination" if item is given else f"destination {at}", item)
        for at, item in enumerate(items, start=1)
    ]


def _destination(where: str, item: object) -> "Destination":
    from .destination import Destination, of_url

    options: dict[str, Any] = item if isinstance(item, dict) else {"url": item}
    _check_keys(f"{where}: ", options, ("url", *vars(Destination)["__init__"].__kwdefaults__))
    if "url" not in options:
        raise ValueError(f"{where}: url is missing")
    if type(options.get("allow_http", False)) is not bool:
        raise ValueError(f"{where}: allow_http must be true or false")
    headers = options.get("headers", {})
    for name in headers if isinstance(headers, dict) else ():
        if name.lower() in SECRET_HEADERS:
            raise ValueError(f"{where}: headers: {name} is a secret, which has no place in a file for everybody")
    made = of_url(where, **options)
    if made.user:
        raise ValueError(f"{where}: url: a user and a password have no place in a file for everybody")
    return made


def _check_keys(where: str, table: "Mapping[str, object]", known: "Iterable[str]", more: str = "") -> None:
    for key in table:
        if key not in known:
            from .privacy.mistakes import meant

            raise ValueError(f"{where}unknown key {key!r}{meant(key, known)}{more}")


def _check_value(where: str, value: object) -> None:
    """Refuse what TOML knows and JSON does not: dates, times, infinities and NaN."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_value(f"{where}.{key}", inner)
    elif isinstance(value, list):
        for inner in value:
            _check_value(where, inner)
    elif type(value) not in (str, int, float, bool) or value in _INFINITE or value != value:
        raise ValueError(f"{where}: {value} is neither text, true, false nor a finite number")
