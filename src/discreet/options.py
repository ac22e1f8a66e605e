"""The options of a tool that need more than one line to check.

The rule that keeps it honest: a wrong option raises `ValueError` naming it, before anything is made or sent.
"""

from . import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def file_names(files: "Mapping[str, str]") -> "Mapping[str, str]":
    """Other names for files of the data directory: known keys, plain and different file names."""
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
    if len(set(merged.values())) < len(merged):
        raise ValueError("files: two files have the same name")
    return files
