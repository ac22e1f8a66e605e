"""The options of a tool that need more than one line to check.

The rule that keeps it honest: a wrong option raises `ValueError` naming it, before anything is made or sent.
"""

from collections.abc import Mapping

from . import names


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
    if len(set(merged.values())) < len(merged):
        raise ValueError("files: two files have the same name")
    return files
