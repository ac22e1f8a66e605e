"""Options that need more than one line to check: the names of files."""

from typing import Any

import pytest

from discreet import Telemetry, files, names, rotation
from discreet.options import file_names


@pytest.mark.parametrize(
    "renamed",
    [
        {},
        {"log": "telemetry.log", "consent": "telemetry.opt-in"},
        {"log": "usage.jsonl", "consent": "usage.4.jsonl"},  # the log has no fifth file
        {"log": "log", "lock": "log1", "salt": "log.0", "id": "log.01"},
        {"log": "2026.jsonl", "receipts": "opt-in.tmp"},
        {"consent": "lock", "lock": "opt-in"},
    ],
    ids=str,
)
def test_names_that_are_free(renamed: dict[str, str]) -> None:
    """Plain names that nothing else has are taken as they are."""
    assert file_names(renamed) == renamed
    assert Telemetry("mytool", files=renamed).paths.files == {**names.FILES, **renamed}


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "a\\b", "c:", "a\nb", 5, None])
def test_a_name_that_is_none(value: Any) -> None:
    """It is refused, and the sentence names the file that was to have it."""
    with pytest.raises(ValueError, match=r"^files: 'log' must be a plain file name"):
        Telemetry("mytool", files={"log": value})


@pytest.mark.parametrize("renamed", [{"consent": "lock"}, {"consent": "Lock"}, {"log": "x", "id": "X"}], ids=str)
def test_two_files_of_one_name(renamed: dict[str, str]) -> None:
    """Two files cannot have one name; nor two that differ in case, which are one on macOS and Windows."""
    with pytest.raises(ValueError, match=r"^files: two files have the same name$"):
        Telemetry("mytool", files=renamed)


@pytest.mark.parametrize("log", ["usage.jsonl", "log", ".log", "a.b.c"])
@pytest.mark.parametrize("number", range(1, names.LOG_FILES))
@pytest.mark.parametrize("key", ["consent", "enabled", "lock", "id"])
def test_a_name_that_a_rotation_gives_the_log(log: str, number: int, key: str) -> None:
    """The first rotation would rename the log over it, over the user's answer, say."""
    taken = rotation.rotated(log, number)
    for value in (taken, taken.upper()):
        with pytest.raises(ValueError, match=rf"^files: '{key}' must not be '.*', which a rotated log is called$"):
            Telemetry("mytool", files={"log": log, key: value})


def test_a_name_of_what_is_half_written() -> None:
    """Whatever has such a name is erased a day later."""
    value = "opt-in.4509.0123abcd.tmp"
    assert files.unfinished(value)
    with pytest.raises(ValueError, match=r"^files: 'consent' must not be '.*', which a file is called while"):
        Telemetry("mytool", files={"consent": value})


def test_what_a_file_is_that_does_not_exist() -> None:
    """It is refused, and the files that there are are named."""
    with pytest.raises(ValueError, match=r"^files: there is no file 'logs'; there are consent, log, "):
        Telemetry("mytool", files={"logs": "x"})
    with pytest.raises(ValueError, match=r"^files must be a mapping of consent, log, .* not \['log'\]$"):
        Telemetry("mytool", files=["log"])  # type: ignore[arg-type]  # on purpose
