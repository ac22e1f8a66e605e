"""What was dropped, counted by reason: silence with a count.

    losses.json    {"queue_full": 3, "undeclared_value": 12}

The rule that keeps it honest: whatever does not reach the log is counted here under a reason of the table in
docs/design.md, and no reason ever holds a value, a name or a text of the host's.
"""

import os

from .. import consent, directories, files, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .owner import Owner

_REASONS = 64  # reasons kept in the file; more is not ours
_REASON_LENGTH = 64
_DIGITS = 16  # of a count: as many as 2**53 has
_LOOKS = 100  # for the lock, in 0.2 s: many processes may end at once, and each has it for 0.2 ms


def save(counts: dict[str, int], paths: names.Paths, *, make: bool = True, patient: bool = True) -> None:
    """Add `counts` to the file `losses`, and empty them. `make` says whether the directory may be made for it,
    `patient` whether to wait for other processes that have the lock.

    Raises `OSError`, and keeps the counts then. It also keeps them, for the next save, if other processes have the
    lock all the time.
    """
    if make:
        directories.make_directory(paths.directory, below=paths.below)
    with directories.DirectoryLock(paths.directory, _LOOKS if patient else 1) as held:
        if held:
            _add(counts, paths["losses"])


def save_of(owner: "Owner", *, patient: bool = True) -> None:
    """`save` the counts of a recorder, unless `clear` has erased everything."""
    stands = not owner.off and consent.stands(owner.paths, owner.signature)
    there = ("log", "losses") if owner.mode == "opt-out" else ("log", "losses", "consent")  # `clear` leaves a no there
    if stands or any(os.path.lexists(owner.paths[key]) for key in there):
        save(owner.losses, owner.paths, make=stands, patient=patient)


def read(path: str) -> dict[str, int]:
    """The counts on disk; empty if the file is missing, unreadable or not ours. Never raises."""
    try:
        return stored(path)
    except OSError:
        return {}


def stored(path: str) -> dict[str, int]:
    """The counts on disk, as of `read`. Raises `OSError` if they cannot be read."""
    text = names.read_small(path, names.current_user()).decode("ascii", "replace")
    legal: dict[str, int] = {}
    # Flat and ours, so parsed by hand: `json` would cost every command that dropped something 8 ms at its exit.
    for item in text.strip().removeprefix("{").removesuffix("}").split(","):
        reason, _, number = item.partition(":")
        name, number = reason.strip().strip('"'), number.strip()
        fits = len(name) <= _REASON_LENGTH and len(number) <= _DIGITS
        if fits and name.isidentifier() and number.isdecimal() and 0 < int(number) < 2**53:
            legal[name] = int(number)
    return dict(sorted(legal.items())[:_REASONS])


def _add(counts: dict[str, int], path: str) -> None:
    taken = {reason: counts.pop(reason) for reason in tuple(counts)}
    try:
        try:
            merged = stored(path)
        except FileNotFoundError:
            merged = {}  # only then: what cannot be read just now must not be replaced
        for reason, number in taken.items():
            merged[reason] = merged.get(reason, 0) + number
        text = ",".join(f'"{reason}":{number}' for reason, number in sorted(merged.items()))
        files.write_private(path, f"{{{text}}}\n".encode())
    except OSError:
        for reason, number in taken.items():
            counts[reason] = counts.get(reason, 0) + number
        raise
