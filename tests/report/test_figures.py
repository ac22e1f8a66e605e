"""Figures as people read them."""

import pytest

from discreet.report.figures import about, counted, duration, number, share


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (None, "-"),
        (0, "<1 ms"),
        (0.999, "<1 ms"),
        (1, "1.0 ms"),
        (9.94, "9.9 ms"),
        (9.96, "10 ms"),
        (120, "120 ms"),
        (999.4, "999 ms"),
        (999.7, "1.0 s"),
        (4280, "4.3 s"),
        (45_000, "45 s"),
        (59_700, "1.0 min"),
        (90_000, "1.5 min"),
        (3_599_000, "1.0 h"),
        (23.9 * 3_600_000, "1.0 d"),
        (2.0**53, "104249991 d"),
    ],
)
def test_durations_read_as_people_say_them(milliseconds: float | None, shown: str) -> None:
    """Two or three figures and the unit that fits the rounded amount."""
    assert duration(milliseconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (12.0, "12"), (1234567, "1,234,567"), (32.44, "32.4"), (123.6, "124"), (0.00123, "0.00123")],
)
def test_numbers_read_as_people_write_them(value: float, shown: str) -> None:
    """Whole ones in full, others in three figures."""
    assert number(value) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 0, "0 %"),
        (0, 9, "0 %"),
        (1, 1000, "<1 %"),
        (1, 200, "<1 %"),  # a half, which rounds to the even 0
        (3, 400, "1 %"),
        (1, 3, "33 %"),
        (397, 400, "99 %"),
        (199, 200, ">99 %"),
        (999, 1000, ">99 %"),
        (9, 9, "100 %"),
    ],
)
def test_shares(part: float, whole: float, shown: str) -> None:
    """What is there is not rounded to nothing, and what fails is not rounded away."""
    assert share(part, whole) == shown


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [(12469.6, 340.2, "12,470 \xb1 340"), (-0.4, 2.1, "0 \xb1 2"), (0.4, 2, "0 \xb1 2"), (-63.2, 9, "-63 \xb1 9")],
)
def test_estimates(value: float, error: float, shown: str) -> None:
    """What is rounded to nothing has no sign."""
    assert about({"value": value, "error": error}) == shown


def test_nothing_has_no_sign() -> None:
    """Nor has a number that is none at all."""
    assert number(-0.0) == "0"


@pytest.mark.parametrize(("count", "shown"), [(0, "0 days"), (1, "1 day"), (1234, "1,234 days")])
def test_one_is_not_plural(count: int, shown: str) -> None:
    """Only one is one."""
    assert counted(count, "day") == shown
