"""The first run under a consent: what is noted before its first record.

    delivery.json    {"v":1,"plan":"","period":"<signature>","covered":[...],"seen":"<time>","empty":true,
                      "destinations":{}}
                     {..., "noted":"<signature>","told":[...],...}    if deliverers have their places there already

The rule that keeps it honest: a consent that was given without a disclosure (by hand, by the marker, by the
environment) covers what the first run under it discloses, and no later version adds to that. And deliveries to a
destination begin with the process that first saw it. Without a note they would begin with the process that starts the
first deliverer, and of several at once that is chance. Of several first processes one makes the file.
"""

import os
import time

from . import consent, files, names
from .log import quote, timestamp
from .privacy import UNDECLARED_LINES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .destination import Destination
    from .sending.owner import Owner


def note(owner: "Owner", destinations: "tuple[Destination, ...]") -> None:
    """Note what this process discloses, and from when on its destinations get records. Never raises OSError."""
    paths = owner.paths
    try:
        if not consent.stands(paths, owner.signature):
            return  # changed since this process decided: neither its note nor its records belong to this consent
        if not os.path.isdir(paths.directory):
            from . import directories

            directories.make_directory(paths.directory, below=paths.below)
        if not os.path.lexists(paths["delivery"]):
            content = _content(owner, destinations, disclosed(owner, destinations))
            files.write_private(paths["delivery"], content, replace=False)
            return
        from . import directories

        with directories.DirectoryLock(paths.directory, directories.LOOKS) as held:
            if held:
                _renew(owner, destinations)
    except OSError:
        return  # another process was first; or it cannot be written, and the first deliverer decides


def _renew(owner: "Owner", destinations: "tuple[Destination, ...]") -> None:
    """Replace what there is by a note, unless another process has just done so: its records may be on the log already,
    and would come before the new note.
    """
    from .sending.lock import DeliveryLock

    if not destinations and not os.path.lexists(owner.paths["lock"]):  # nobody ever delivered
        _replace(owner, destinations)
        return
    with DeliveryLock(owner.paths) as held:
        if held:  # else a deliverer is at work, or ends since the consent is new: the next process notes
            _replace(owner, destinations)


def _replace(owner: "Owner", destinations: "tuple[Destination, ...]") -> None:
    from .sending import state as states

    signed = repr(owner.signature)
    state = states.load(owner.paths["delivery"], strictly=True)
    if signed in (state.period, state.noted):
        return
    told = state.known() or disclosed(owner, destinations)  # known: an earlier run may have noted less
    if state.places:
        state.covered = []  # of the past period; both would not fit into a small file
        state.noted, state.told = signed, told
        states.save(owner.paths, state, [])
    else:
        files.write_private(owner.paths["delivery"], _content(owner, destinations, told))


def _content(owner: "Owner", destinations: "tuple[Destination, ...]", told: "list[str]") -> bytes:
    covered = ",".join(map(quote, told))
    seen = f'"seen":"{timestamp(time.time())}","empty":{_is_missing(owner.paths)},' if destinations else ""
    period = quote(repr(owner.signature))
    return f'{{"v":1,"plan":"","period":{period},"covered":[{covered}],{seen}"destinations":{{}}}}\n'.encode()


def disclosed(owner: "Owner", destinations: "tuple[Destination, ...]") -> "list[str]":
    """What a disclosure made now covers, with these destinations in force and those that wait for a key."""
    named = (*destinations, *waiting(owner))
    if owner.declaration is None and owner.identity == "run" and not named:
        return [*UNDECLARED_LINES]  # what `coverage` would say
    from .privacy import coverage

    return coverage.lines(owner.declaration, declared_hosts(owner, named), identity=owner.identity)


def waiting(owner: "Owner") -> "tuple[Destination, ...]":
    """The destinations that get nothing before the user sets a key."""
    if all(one.format != "posthog" or one.api_key for one in owner.destinations):
        return ()
    from .sending import settings

    return settings.of(owner).waiting


def declared_hosts(owner: "Owner", destinations: "tuple[Destination, ...]") -> "list[str]":
    """The hosts that the tool itself names, as lines of the note; those of the user's environment need no agreement."""
    if not destinations:
        return []
    from .privacy import coverage
    from .sending.courier import own_hosts

    return coverage.hosts(destinations, own_hosts(owner, destinations))


def _is_missing(paths: "names.Paths") -> str:
    """Whether no file of the log exists, as JSON. Rotated ones count: the newest may have been erased, or renamed just
    now. Raises `OSError` if it cannot be told: an older log must not pass for none.
    """
    from .rotation import nth

    for number in range(names.LOG_FILES):
        try:
            os.lstat(nth(paths, number))
        except FileNotFoundError:
            continue
        return "false"
    return "true"
