"""The telemetry of codefinder: its declaration, its events, and the client that the rest of the tool holds.

The client has the interface that the tool always had. All that it does is hand over to discreet, which lets out what
is declared here and nothing else.
"""

import dataclasses
import enum
import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import discreet
from discreet import Aggregate, Boolean, Count, Destination, Distribution, Hash, Number, OneOf, TextCount, Version
from discreet.hosts.session import Session, SilentSession

VERSION = "0.5.0"
INTENTS = ("understand", "implement", "debug", "document")
LANGUAGES = {".py": "python", ".md": "markdown", ".toml": "toml", ".js": "javascript", ".go": "go", ".rs": "rust"}
CONFIGURATION = Path("~/.config/codefinder/config.toml")
FLAG = OneOf("control", "test", purpose="is the new reranker better?")

SEARCH = {
    "intent": OneOf(*INTENTS, purpose="what are searches for?", example="understand"),
    "strategies": Distribution("keyword", "fuzzy", purpose="which strategies are used?"),
    "query": TextCount(purpose="how long are queries?", example=31),
    "repository": Hash(purpose="do people come back to a repository within a month?"),
    "languages": Distribution(*LANGUAGES.values(), purpose="in which languages are results found?"),
    "matches": Count(purpose="are results found at all?", example=10),
    "tokens": Aggregate(purpose="how much would an agent have to read of them?", example=1280),
    "index_ready": Boolean(purpose="was the index there already?"),
    "execution_time_ms": Number(significant=2, purpose="how long do people wait?", example=130),
    "flag.new_reranker": FLAG,
    # For users who agreed to more. No level lets the query itself out.
    "query_kind": OneOf("identifier", "words", "question", level="enhanced", purpose="how do people ask?"),
    "best_score": Number(round_to=0.1, level="enhanced", purpose="how good is the best result?", example=0.7),
}
SESSION = {
    "version": Version(purpose="which versions are in use?", example="0.5.0"),
    "backend": OneOf("memory", "disk", purpose="which backend matters?", example="memory"),
    "setup_success": Boolean(purpose="does the setup work?"),
    "setup_attempts": Number(purpose="at once?", example=1),
    "config_errors": Count(purpose="is the configuration understood?", example=0),
    "searches": Number(purpose="how many searches has a session?", example=14),
    "searches.success": Number(purpose="how many of them find something?", example=12),
    "ms": {
        "mean": Number(significant=2, purpose="how long does a search take?", example=120),
        "max": Number(significant=2, purpose="and at worst?", example=410),
    },
    "tokens_returned": Number(significant=2, purpose="what do the results cost an agent?", example=5100),
    "tokens_saved": Number(significant=2, purpose="and what would it cost without?", example=48000),
    "failovers": Number(purpose="how often is the first strategy not enough?", example=1),
    "files": Number(significant=1, purpose="how large are repositories?", example=100),
    "languages": Distribution(*LANGUAGES.values(), purpose="of which languages?"),
    "duration_ms": Number(purpose="how long is a session?", example=3600000),
    "success": Boolean(purpose="does it end well?"),
}
EVENTS: dict[str, object] = {
    "search": {"purpose": "A search was answered.", "fields": SEARCH},
    "session": {"purpose": "What a session did, added up, at its end.", "fields": SESSION},
    "index": {
        "purpose": "A folder was indexed.",
        "fields": {
            "execution_time_ms": Number(significant=2, purpose="how long does it take?", example=35),
            "results": {"files": Number(significant=1, purpose="of how much?"), "skipped": Count(purpose="left out?")},
        },
    },
    "reranked": {
        "purpose": "The new reranker changed the order of results.",
        "fields": {"moved": Number(purpose="of how many?", example=3)},
    },
    "flag_exposure": {
        "flag": OneOf("new_reranker", purpose="which feature was tried?"),
        "variant": FLAG,
    },
}


class AnonymityConversion(enum.Enum):
    """How a field of an object leaves, in the words of this tool: discreet takes the members by their names."""

    FORBIDDEN = enum.auto()
    BOOLEAN = enum.auto()
    COUNT = enum.auto()
    HASH = enum.auto()
    DISTRIBUTION = enum.auto()
    AGGREGATE = enum.auto()
    TEXT_COUNT = enum.auto()


@dataclasses.dataclass
class SearchResponse:
    """What a search found: the object that the tool works with, private in most of its parts."""

    query: str
    repository: str
    matches: list[str]  # paths
    snippets: list[str]
    languages: list[str]
    tokens: list[int]  # of each match
    index_ready: bool

    _telemetry_event = "search"

    @classmethod
    def _telemetry_keys(cls) -> dict[str, AnonymityConversion]:
        return {
            "query": AnonymityConversion.TEXT_COUNT,
            "repository": AnonymityConversion.HASH,
            "matches": AnonymityConversion.COUNT,
            "snippets": AnonymityConversion.FORBIDDEN,
            "languages": AnonymityConversion.DISTRIBUTION,  # its items are declared above
            "tokens": AnonymityConversion.AGGREGATE,
            "index_ready": AnonymityConversion.BOOLEAN,
        }


class TelemetryEvent(Protocol):
    """An event of the tool's own making."""

    def to_posthog_event(self) -> tuple[str, dict[str, Any]]:
        """Its name and its properties."""


class RerankedEvent:
    """The new reranker moved results."""

    EVENT_NAME = "reranked"

    def __init__(self, moved: int) -> None:
        self.moved = moved

    def to_posthog_event(self) -> tuple[str, dict[str, Any]]:
        """Its name and its properties."""
        return self.EVENT_NAME, {"moved": self.moved}


class Client:
    """What the tool records with. No method raises, prints or waits; with telemetry off each does nothing."""

    def __init__(self, telemetry: discreet.Telemetry) -> None:
        self.telemetry = telemetry
        self.session: Session | SilentSession | None = None

    @property
    def enabled(self) -> bool:
        """Whether anything is recorded."""
        return self.telemetry.enabled

    def start_session(self, metadata: Mapping[str, object]) -> Session | SilentSession:
        """Begin to add up; `metadata` are facts to go with the session's event."""
        self.end_session()
        self.session = session = self.telemetry.session(**metadata)
        return session

    def capture(self, event: str, properties: Mapping[str, object]) -> None:
        """Record a declared event."""
        self.telemetry.track(event, properties)

    def capture_from_event(self, event: TelemetryEvent) -> None:
        """Record an event of the tool's own making."""
        self.telemetry.track(*event.to_posthog_event())

    def capture_with_serialization(self, thing: object, **more: object) -> None:
        """Record an object that says by `_telemetry_keys` how its fields leave, with further facts."""
        self.telemetry.track(thing, more)

    def get_feature_flag(self, key: str) -> object:
        """The variant of a feature, "control" where nobody says another."""
        return self.telemetry.flag(key, "control")

    def get_all_feature_flags(self) -> dict[str, object]:
        """Every feature that is known now."""
        return self.telemetry.flags()

    def end_session(self) -> None:
        """Record the session; what is due is delivered behind the tool's back when it ends."""
        if self.session is not None:
            self.session.close()
            self.session = None

    shutdown = end_session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self.session is not None:
            self.session.add(success=False)
        self.end_session()


def capture_search_event(
    client: Client,
    response: SearchResponse,
    *,
    intent: str,
    strategies: list[str],
    execution_time_ms: float,
    best_score: float,
) -> None:
    """Record one search, and add it to the session."""
    words = response.query.split()
    kind = "question" if response.query.endswith("?") else "words" if len(words) > 1 else "identifier"
    client.capture_with_serialization(
        response,
        intent=intent,
        strategies=strategies,
        execution_time_ms=execution_time_ms,
        query_kind=kind,
        best_score=best_score,
    )
    if client.session is not None:
        client.session.count("searches", success=bool(response.matches))
        client.session.observe("ms", execution_time_ms)
        client.session.count("tokens_returned", sum(response.tokens))
        client.session.count("failovers", len(strategies) - 1)


def configuration() -> dict[str, object]:
    """The table `[telemetry]` of the user's own file; that of the project one stands in may only switch off."""
    found = _table(CONFIGURATION.expanduser())
    if _table(Path(".codefinder.toml")).get("disable_telemetry", False) is not False:
        found["disable_telemetry"] = True
    return found


def _table(path: Path) -> dict[str, object]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("telemetry", {})
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        return {"disable_telemetry": True}  # it may say no, and nobody can read it
    return dict(table) if isinstance(table, dict) else {"disable_telemetry": True}


@functools.cache
def get_telemetry_client() -> Client:
    """The client of this process, configured by the environment and by the user's file."""
    return Client(
        discreet.init(
            "codefinder",
            version=VERSION,
            events=EVENTS,
            settings=configuration(),
            # No key of the author's: nothing is sent until the user's environment or file names a project of its own.
            destination=Destination("https://us.i.posthog.com/batch/", format="posthog", batch_size=10),
        )
    )
