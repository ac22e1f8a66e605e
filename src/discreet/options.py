"""The options of a tool that need more than one line to check.

The rule that keeps it honest: a wrong option raises `ValueError` naming it, before anything is made or sent.
"""

from collections.abc import Mapping

from . import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence
    from typing import TypedDict

    from .destination import Destination

    class Options(TypedDict, total=False):
        """What `init` takes: the options of `Telemetry`, as its constructor has them."""

        version: str
        events: "Mapping[str, object] | Iterable[type]"
        fields: "Mapping[str, object] | None"
        consent: str
        settings: "Mapping[str, object] | None"
        data_dir: "str | os.PathLike[str] | None"
        files: "Mapping[str, str] | None"
        identity: str
        destination: "str | Destination | Sequence[str | Destination] | None"
        delivery: str
        once_per_tree: bool

    class Overrides(TypedDict, total=False):
        """What `from_manifest` takes: the same and the name, where None is no option given."""

        name: "str | None"
        version: "str | None"
        events: "Mapping[str, object] | Iterable[type] | None"
        fields: "Mapping[str, object] | None"
        consent: "str | None"
        settings: "Mapping[str, object] | None"
        data_dir: "str | os.PathLike[str] | None"
        files: "Mapping[str, str] | None"
        identity: "str | None"
        destination: "str | Destination | Sequence[str | Destination] | None"
        delivery: "str | None"
        once_per_tree: "bool | None"


def file_names(files: Mapping[str, str]) -> Mapping[str, str]:
    """Other names for files of the data directory: known keys, plain and different file names."""
    if not isinstance(files, Mapping):
        raise ValueError(f"files must be a mapping of {', '.join(names.FILES)} to file names, not {files!r}")
    for key, value in files.items():
        if key not in names.FILES:
            raise ValueError(f"files: there is no file {key!r}; there are {', '.join(names.FILES)}")
        if (
            not isinstance(value, str)
            or value in ("", ".", "..")
            or set(value) & set("/\\:")
            or not value.isprintable()
        ):
            raise ValueError(f"files: {key!r} must be a plain file name, not {value!r}")
    merged = {**names.FILES, **files}
    used = "\0".join(merged.values()).lower()  # on macOS and Windows names that differ in case are one file
    if len(set(used.split("\0"))) < len(merged):
        raise ValueError("files: two files have the same name")
    if set(used) & set("0123456789"):  # names that this package derives from these have a digit
        _check_made(merged)
    return files


def _check_made(merged: Mapping[str, str]) -> None:
    """Raise `ValueError` for a name that this package derives: a file of that name is written over, or erased."""
    from . import files, rotation

    made = [rotation.rotated(merged["log"], number).lower() for number in range(1, names.LOG_FILES)]
    for key, value in merged.items():
        if value.lower() in made:
            raise ValueError(f"files: {key!r} must not be {value!r}, which a rotated log is called")
        if files.unfinished(value.lower()):
            raise ValueError(f"files: {key!r} must not be {value!r}, which a file is called while it is written")
