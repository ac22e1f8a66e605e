"""What was dropped, counted by reason: silence with a count.

    losses.json    {"queue_full": 3, "undeclared_value": 12}

The rule that keeps it honest: whatever does not reach the log is counted here under a reason of the table in
docs/design.md, and no reason ever holds a value, a name or a text of the host's.
"""

from .. import files, names

_REASONS = 64  # reasons kept in the file; more is not ours
_REASON_LENGTH = 64


def save(counts: dict[str, int], paths: names.Paths) -> None:
    """Add `counts` to the file `losses`, and empty them. Raises `OSError`; the counts are kept then.

    Where another process is at it, they wait for the next time.
    """
    files.make_directory(paths.directory, below=paths.below)
    with files.DirectoryLock(paths.directory) as held:
        if not held:
            return
        taken = {reason: counts.pop(reason) for reason in tuple(counts)}
        try:
            _write(paths["losses"], taken)
        except OSError:
            for reason, number in taken.items():
                counts[reason] = counts.get(reason, 0) + number
            raise


def read(path: str) -> dict[str, int]:
    """The counts on disk; empty where the file is missing, unreadable or not ours. Never raises."""
    import json

    try:
        content = json.loads(names.read_small(path, names.current_user()))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    legal = {
        reason: number
        for reason, number in content.items()
        if type(number) is int and 0 < number < 2**53 and len(reason) <= _REASON_LENGTH and reason.isidentifier()
    }
    return dict(sorted(legal.items())[:_REASONS])


def _write(path: str, counts: dict[str, int]) -> None:
    merged = read(path)
    for reason, number in counts.items():
        merged[reason] = merged.get(reason, 0) + number
    text = ",".join(f'"{reason}":{number}' for reason, number in sorted(merged.items()))
    files.write_private(path, f"{{{text}}}\n".encode())
