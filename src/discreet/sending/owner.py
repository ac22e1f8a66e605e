"""What sending needs of the recorder that it sends for.

The rule that keeps it honest: a type and nothing else. The recorder lies a floor above, and is not imported here; this
module is never loaded at all.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..destination import Destination
from ..privacy.author import Author


class Flagged(Protocol):
    """The feature flags of a process, as far as a delivery knows them."""

    asks: bool


class Owner(Author, Protocol):
    """The recorder: everything that the gate, the filter and the log go by, and where losses and errors go."""

    version: str
    signature: object
    off: bool
    leaving: bool
    unclosed: dict[Any, bool]
    settings: Mapping[str, object]
    lifted: tuple[str, ...]
    destinations: tuple[Destination, ...]
    delivery: str
    losses: dict[str, int]

    @property
    def environ(self) -> dict[str, str]:
        """The environment it was made in."""

    @property
    def flagged(self) -> Flagged | None:
        """The flags, once one was looked up."""

    @property
    def _sender(self) -> object:
        """The one that sends, once made: threads that track at once may make several."""

    def border(self, reason: str, work: Callable[..., object], *arguments: object) -> object:
        """Run `work` where no error reaches the host."""

    def close(self) -> bool:
        """Close the sender: what the end of the process calls."""

    def lose(self, reason: str, number: int = 1) -> None:
        """Count what was dropped."""

    def swallow(self, reason: str, error: Exception) -> bool:
        """Count an error that must not reach the host; True for one that must."""

    def still_agreed(self) -> bool:
        """Whether the stored consent is still the one of the queued records."""
