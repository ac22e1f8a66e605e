"""What a deliverer works with: the tool, its files, its destinations, its declaration, and every input of the gate.

The rule that keeps it honest: a plan holds no record, and of the host only what is needed to decide anew. It crosses to
a child as plain values through a pipe, or in memory, never through arguments, the environment or a disk: it may hold
the user's headers.
"""

import os

from .. import consent, names
from ..destination import Destination

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..privacy.declaration import Declaration
    from .lock import DeliveryLock


# What is the same in a plan and in its plain form, as which it crosses to a child.
_SAME = ("mode", "environ", "settings", "lifted", "run", "signature", "identity", "flags", "own")


class Plan:
    """`run` is the run id of the process that made the plan, `signature` that of the consent it records under, `own`
    what `courier.own_hosts` says. `flags` is for whom to ask about feature flags ("run" or "install", as
    `identity`), "" to ask about none.
    """

    def __init__(
        self,
        tool: str,
        paths: names.Paths,
        destinations: "tuple[Destination, ...]",
        declaration: "Declaration | None",
        *,
        mode: str,
        environ: "Mapping[str, str]",
        settings: "Mapping[str, object]",
        lifted: "tuple[str, ...]" = (),
        run: str = "",
        signature: object = None,
        identity: str = "run",
        flags: str = "",
        own: "tuple[str, ...]" = (),
    ) -> None:
        self.tool, self.paths, self.destinations, self.declaration = tool, paths, destinations, declaration
        self.mode, self.environ, self.settings, self.lifted = mode, environ, settings, lifted
        self.run, self.signature, self.identity, self.flags, self.own = run, signature, identity, flags, own
        self.lock: DeliveryLock | None = None  # of whoever works by it

    def decide(self) -> consent.Decision:
        """What the gate says now. The files are looked at anew; the environment is still the host's."""
        about = self.tool, self.mode, self.environ, self.paths
        return consent.decide(consent.look(*about, settings=self.settings, lifted=self.lifted))


def in_memory(content: bytes) -> "tuple[int, int]":
    """Two descriptors of a file in memory that holds the plan, which a pipe might not take at once.

    Raises `OSError`. Linux has such files (memfd_create(2)).
    """
    file: int = os.memfd_create("plan")
    try:
        os.pwrite(file, content, 0)  # it is read from the start; a part is no plan, and the child ends
        return file, os.dup(file)
    except OSError:
        os.close(file)
        raise


def restored(values: "Mapping[str, Any]") -> Plan:
    """The plan of which `values` are the plain form (`courier.plain`).

    Raises `ValueError`, `KeyError` or `TypeError` for anything else.
    """
    declaration = None
    if values["declaration"] is not None:
        from ..privacy.plain import restored as restored_declaration

        declaration = restored_declaration(values["declaration"])
    files = {key: os.fsdecode(name) for key, name in values["files"].items()}
    paths = names.Paths(values["tool"], {}, os.fsdecode(values["directory"]), files)
    paths.below, paths.problem = os.fsdecode(values["below"]), ""
    destinations = tuple(Destination(**options) for options in values["destinations"])
    return Plan(values["tool"], paths, destinations, declaration, **{key: values[key] for key in _SAME})
