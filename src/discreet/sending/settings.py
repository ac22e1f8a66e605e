"""The destinations in force: the code's, changed by the user's environment.

The rule that keeps it honest: the environment beats the user's configuration, which beats the code. A value that makes
no sense, or that would send in the clear, is refused, and `explain` says so. If a user's own address is refused,
nothing goes to the one that it was to replace: neither records, nor headers and keys meant for the user's.

| setting                                | what it does                                                                |
|----------------------------------------|-----------------------------------------------------------------------------|
| `ENDPOINT` (with `FORMAT`)             | replaces every destination of the code; https, or loopback                  |
| `HEADERS`                              | go to the endpoint, else to the code's first json or otlp destination       |
| `POSTHOG_API_KEY`, `POSTHOG_HOST`      | complete or add a posthog destination; never beside `ENDPOINT`              |
| `BATCH_SIZE`, `BATCH_INTERVAL_SECONDS` | hold for every destination                                                  |
"""

from .. import names
from ..destination import FORMATS, POSTHOG_HOST, Destination, batch_url, split
from .headers import parsed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .owner import Owner

KEYS = ("ENDPOINT", "FORMAT", "HEADERS", "POSTHOG_API_KEY", "POSTHOG_HOST", "BATCH_SIZE", "BATCH_INTERVAL_SECONDS")

_ADDRESSES = ("ENDPOINT", "POSTHOG_HOST")


class Settings:
    """The settings of one tool; `problems` are sentences about what is refused or missing, without the values;
    `ready` and `waiting` are, once `destinations` were asked for, those in force and those without their key.
    """

    def __init__(self, tool: str, environ: "Mapping[str, str]", settings: "Mapping[str, object]") -> None:
        self._head = names.prefix(tool)
        self._environ = environ
        self._settings = settings
        self.problems: list[str] = []
        self.ready: tuple[Destination, ...] = ()
        self.waiting: tuple[Destination, ...] = ()

    def destinations(self, code: "tuple[Destination, ...]") -> "tuple[Destination, ...]":
        """What is in force if the code names `code`. Never raises."""
        found: tuple[Destination, ...] = ()  # if the user's own address is refused, nothing goes anywhere
        if endpoint := self._get("ENDPOINT"):
            if made := self._endpoint(endpoint):
                found = (self._with_headers(made),)
        else:
            found = self._with_posthog(code)
            at = next((at for at, one in enumerate(found) if one.format in ("json", "otlp")), None)
            if at is not None:
                found = (*found[:at], self._with_headers(found[at]), *found[at + 1 :])
        self.ready = tuple(self._batched(one) for one in found if one.format != "posthog" or one.api_key)
        self.waiting = tuple(one for one in found if one.format == "posthog" and not one.api_key)
        if self.waiting:
            self._tell_of_key()
        return self.ready

    def refused(self) -> "list[str]":
        """The `problems` of all values, even of those that are not used as things are. Never raises."""
        self._batched(self._with_headers(Destination(POSTHOG_HOST)))
        self._form()
        self.api_key()
        if url := self._get("ENDPOINT"):
            self._endpoint(url)
        if host := self._get("POSTHOG_HOST"):
            self._made("POSTHOG_HOST", {"url": batch_url(host), "format": "posthog"})
        return self.problems

    def hosts(self) -> "tuple[str, ...]":
        """The hosts that the settings name: the user's own choice. Never raises."""
        urls = [self._get("ENDPOINT"), self._get("POSTHOG_HOST") or (self.api_key() and POSTHOG_HOST)]
        found = []
        for url in filter(None, urls):
            try:
                found.append(split(url)[2])
            except ValueError:
                continue  # refused as a destination too
        return tuple(found)

    def _endpoint(self, url: str) -> Destination | None:
        return self._made("ENDPOINT", {"url": url, "format": self._form(), "api_key": self.api_key()})

    def _form(self) -> str:
        form = self._get("FORMAT").lower()
        if form in FORMATS:
            return form
        if form:
            self._refuse("FORMAT", f"it must be one of {', '.join(FORMATS)}")
        return ""

    def _with_posthog(self, code: "tuple[Destination, ...]") -> "tuple[Destination, ...]":
        key, host = self.api_key(), self._get("POSTHOG_HOST")
        at = next((at for at, one in enumerate(code) if one.format == "posthog"), len(code))
        if at == len(code) and not key:
            if host and self._made("POSTHOG_HOST", {"url": batch_url(host), "format": "posthog"}):
                self._tell_of_key()
            return code
        options = code[at].options() if at < len(code) else {"url": batch_url(POSTHOG_HOST), "format": "posthog"}
        options |= {"url": batch_url(host), "allow_http": False} if host else {}
        options |= {"api_key": key} if key else {}
        made = self._made("POSTHOG_HOST", options)  # nothing goes to the code's address if the user's is refused
        return (*code[:at], *([made] if made else []), *code[at + 1 :])

    def _with_headers(self, one: Destination) -> Destination:
        headers: dict[str, str] = {}
        try:
            headers = parsed(self._get("HEADERS"))
        except ValueError as error:
            self._refuse("HEADERS", str(error))
        return self._made("HEADERS", {**one.options(), "headers": {**one.headers, **headers}}) or one

    def _batched(self, one: Destination) -> Destination:
        for key, option, kind in (
            ("BATCH_SIZE", "batch_size", int),
            ("BATCH_INTERVAL_SECONDS", "batch_interval", float),
        ):
            if not (text := self._get(key)):
                continue
            try:
                value: object = kind(text)
            except ValueError:
                value = text  # no number: refused like one that is out of range
            try:
                one = Destination(**{**one.options(), option: value})  # type: ignore[arg-type]  # of one that was made
            except ValueError as error:
                must = str(error).removeprefix(option).partition(", not ")[0]  # what follows is the value
                self._refuse(key, f"it{must}")
        return one

    def _made(self, key: str, options: "Mapping[str, Any]") -> Destination | None:
        try:
            return Destination(**options)
        except ValueError as error:
            why = str(error).removesuffix(", or allow_http=True")  # only the author's code can say that
            self._refuse(key, why)
            return None

    def api_key(self) -> str:
        """The key for PostHog; "" if none is set. Never raises."""
        key = self._get("POSTHOG_API_KEY")
        if key.isascii() and key.isprintable():
            return key
        self._refuse("POSTHOG_API_KEY", "it must be printable ASCII")
        return ""

    def _refuse(self, key: str, why: str) -> None:
        variable, _ = self._variable(key)
        self._tell(f"{variable or f'settings: {key.lower()}'} is refused: {why}")

    def _tell_of_key(self) -> None:
        self._tell(f"PostHog gets nothing before {self._head}_TELEMETRY_POSTHOG_API_KEY is set")

    def _tell(self, sentence: str) -> None:
        if sentence not in self.problems:
            self.problems.append(sentence)

    def _get(self, key: str) -> str:
        """The value of a setting, stripped; "" if it is not set."""
        value = self._variable(key)[1] or self._settings.get(key.lower(), "")
        # Of an integer of thousands of digits, which TOML can hold in hex, the interpreter refuses to make a text.
        large = isinstance(value, int) and abs(value) > names.LARGEST_INTEGER
        if isinstance(value, (str, int, float)) and not (large or isinstance(value, bool)):
            return str(value).strip()
        if key in _ADDRESSES:
            return "?"  # refused as an address, and nothing goes to the one that it was to replace
        self._refuse(key, "it must be a text or a number")
        return ""

    def _variable(self, key: str) -> "tuple[str, str]":
        """The variable that holds a setting, and its value, stripped; "" for both if none does."""
        spellings = [f"{self._head}_TELEMETRY_{key}", f"{self._head}__TELEMETRY__{key}"]
        if key.startswith("POSTHOG_"):
            spellings.append(f"{self._head}_{key}")
        for name in spellings:
            if value := self._environ.get(name, "").strip():
                return name, value
        return "", ""


def of(owner: "Owner") -> Settings:
    """The settings of a recorder, asked for its destinations; with `consent="local"` there are none."""
    found = Settings(owner.name, owner.environ, owner.settings)
    if owner.mode != "local":
        found.destinations(owner.destinations)
    return found
