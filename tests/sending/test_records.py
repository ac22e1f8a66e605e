"""What may stand in a record, looked at as hostile input: the moment at which it happened."""

import datetime as dt
import json

import pytest

from discreet.sending.records import is_time, parse


@pytest.mark.parametrize("year", [1, 1900, 2000, 2023, 2024, 9999])
def test_every_day_there_was(year: int) -> None:
    """A day is one exactly where the calendar has it: of leap years, of centuries, and of every month."""
    for month in range(14):
        for day in range(34):
            try:
                real = bool(dt.date(year, month, day))
            except ValueError:
                real = False
            assert is_time(f"{year:04}-{month:02}-{day:02}T00:00:00Z") is real, (month, day)


@pytest.mark.parametrize(
    ("text", "real"),
    [
        ("2026-11-20T23:59:59Z", True),
        ("2026-11-20T24:00:00Z", False),
        ("2026-11-20T23:60:00Z", False),
        ("2026-11-20T23:59:60Z", False),  # no leap second: the clock of a log has none
        ("0000-01-01T00:00:00Z", False),
    ],
)
def test_every_hour_there_was(text: str, real: bool) -> None:
    """Hours, minutes and seconds end where those of a clock do, and there was no year 0."""
    assert is_time(text) is real


def test_what_a_line_may_lack() -> None:
    """A record of a wire format that does not carry all texts is one, with "" for each that is absent."""
    least = {"v": 1, "time": "2026-11-20T10:00:00Z", "event": "search", "tool": "mytool", "properties": {}}
    absent = dict.fromkeys(("id", "run", "version", "py", "os"), "")
    assert parse(json.dumps(least)) == {**least, **absent}
    for key in least:
        with pytest.raises(LookupError):
            parse(json.dumps({name: value for name, value in least.items() if name != key}))
