"""What a disclosure needs to know of the recorder: what its author declared.

The rule that keeps it honest: types and nothing else. The recorder is on a higher floor, so it is not imported here;
only type checkers read this module. Nothing of the user or the machine is in it.
"""

from collections.abc import Sequence
from typing import Protocol

from .. import names
from .declaration import Declaration


class Receiver(Protocol):
    """A destination, as far as a disclosure describes it."""

    format: str
    user: str
    api_key: str
    headers: dict[str, str]
    batch_size: int
    batch_interval: float
    time_precision: str

    @property
    def origin(self) -> str:
        """Scheme, host and port."""


class Author(Protocol):
    """The recorder, as its author made it."""

    name: str
    program: str
    verbs: str
    mode: str
    identity: str
    declaration: Declaration | None

    @property
    def paths(self) -> names.Paths:
        """Where the files lie."""

    @property
    def destinations(self) -> Sequence[Receiver]:
        """Where records go."""
