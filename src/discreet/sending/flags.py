"""flags.json: the feature flags that a receiver decides, as it last said; and when it may be asked again.

    {"v":1,"from":"<16 hex>","fetched":1795000000,"due":1795003600,"failures":0,"flags":{
    "new-ui":true,
    "ranking":"test"
    },"payloads":{
    "ranking":{"depth":3}
    }}

The rule that keeps it honest: it is hostile input, like every file here: what is not as drawn is no flag. It is JSON as
a whole, and a flag a line, so that a command reads its flag without loading `json` (8 ms). Only a value that is neither
true, false nor a plain text needs that, when it is asked for.
"""

from .. import files, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..destination import Destination

AGE_SECONDS = 3_600  # flags are asked for again when they are older
STALE_SECONDS = 7 * 86_400  # and count for nothing when they are that old
KEY_LENGTH = 128
_KEY_CHARACTERS = names.TOOL_CHARACTERS + "."  # PostHog's own, and the dot
_SANE_SECONDS = 87_000  # a day, and ten minutes for a clock that is corrected: nothing is due further ahead
_SECOND_PART = '},"payloads":{'
_ROOM = names.SMALL_BYTES - 512  # what is read of the file, without its first line


class Cache:
    """The file's content: `values` and `payloads` are JSON texts by the key of the flag, the times epoch seconds.

    `source` identifies the receiver that was asked, `failures` is how often in a row it gave no answer.
    """

    def __init__(self, source: str = "") -> None:
        self.source = source
        self.fetched = self.due = self.failures = 0
        self.values: dict[str, str] = {}
        self.payloads: dict[str, str] = {}

    def is_due(self, source: str, now: float) -> bool:
        """Whether the receiver `source` is to be asked."""
        return source != self.source or not now < self.due < now + _SANE_SECONDS

    def is_stale(self, now: float) -> bool:
        """Whether the flags are too old to go by."""
        return abs(now - self.fetched) > STALE_SECONDS  # or from the future: the clock was set back since


def asked(destinations: "tuple[Destination, ...]") -> "Destination | None":
    """The destination in force that knows of flags: PostHog, at an address from which that of its flags follows."""
    return next(
        (one for one in destinations if one.format == "posthog" and one.target.partition("?")[0].endswith("/batch/")),
        None,
    )


def due(paths: names.Paths, destinations: "tuple[Destination, ...]", now: float) -> bool:
    """Whether flags are to be asked for. Never raises."""
    receiver = asked(destinations)
    return receiver is not None and read(paths["flags"]).is_due(receiver.key, now)


def is_key(key: object) -> bool:
    """Whether `key` may name a flag."""
    return type(key) is str and 0 < len(key) <= KEY_LENGTH and not key.strip(_KEY_CHARACTERS)


def read(path: str) -> Cache:
    """The flags on disk; none if the file is missing, unreadable or not as drawn. Never raises."""
    try:
        head, *lines = names.read_small(path, names.current_user()).decode("ascii").split("\n")
    except (OSError, ValueError):
        return Cache()
    said = [item.partition(":")[2] for item in head.split(",")]
    if len(said) != 6 or said[0] != "1" or not all(one.isdecimal() and len(one) < 16 for one in said[2:5]):
        return Cache()
    cache = Cache(said[1].strip('"'))
    cache.fetched, cache.due, cache.failures = map(int, said[2:5])
    part = cache.values
    for line in lines:
        if line == _SECOND_PART:
            part = cache.payloads
        key, _, value = line[1:].partition('":')
        if value and is_key(key) and line.isprintable():
            part[key] = value.removesuffix(",")
    return cache


def save(paths: names.Paths, cache: Cache) -> None:
    """Write the flags, then their payloads, as many as there is room for. Raises `OSError`."""
    room = _ROOM
    parts = []
    for part in (cache.values, cache.payloads):
        lines = []
        for key, value in part.items():
            size = len(key) + len(value) + len('"":,\n')
            if size <= room:
                room -= size
                lines.append(f'"{key}":{value}')
        parts.append(",\n".join(lines))
    head = f'"v":1,"from":"{cache.source}","fetched":{cache.fetched},"due":{cache.due},"failures":{cache.failures}'
    text = f'{{{head},"flags":{{\n{parts[0]}\n{_SECOND_PART}\n{parts[1]}\n}}}}\n'
    files.write_private(paths["flags"], text.encode("ascii"))


def decoded(text: str) -> object:
    """The value of a JSON text. Raises `ValueError` for what is none."""
    if text in ("true", "false"):
        return text == "true"
    plain = text[1:-1]
    if text == f'"{plain}"' and '"' not in plain and "\\" not in plain:
        return plain
    import json

    try:
        return json.loads(text, parse_constant=_refused)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refused(_: str) -> object:
    raise ValueError("neither NaN nor an infinity is JSON")
