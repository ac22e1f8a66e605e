"""The sums of numbers: exact where they say so, else within their stated error, in bounded memory."""

import math
import random
import sys

import pytest

from discreet.report.sketch import ERROR, EXACT, SMALLEST, Numbers

CHANCE = random.Random(20261120)
SAMPLES = {
    "one": [4280.0],
    "two": [1.0, 1000.0],
    "all equal": [120.0] * 50,
    "one to a hundred": [float(n) for n in range(1, 101)],
    "uniform": [CHANCE.uniform(0.02, 60_000) for _ in range(2001)],
    "lognormal": [CHANCE.lognormvariate(5, 2) for _ in range(3000)],
    "over all magnitudes": [10 ** CHANCE.uniform(-2, 15.9) for _ in range(3000)],
    "the ends": [0.01, 2.0**53],
    "the last cell": [2.0**53 - number for number in range(6000)],
}


def taken(*values: float, at_once: int = 100) -> Numbers:
    """Numbers with these in them, taken some at a time."""
    numbers = Numbers()
    for at in range(0, len(values), at_once):
        some = values[at : at + at_once]
        numbers.add(some, min(some), max(some))
    return numbers


def nearest_rank(values: list[float], percent: int) -> float:
    """The percentile by its definition."""
    return sorted(values)[math.ceil(percent * len(values) / 100) - 1]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("values", SAMPLES.values(), ids=SAMPLES)
def test_percentiles_keep_their_stated_error(values: list[float], sign: int) -> None:
    """Every percentile is the nearest-rank one where `exact` says so, else within 1 %; the mean is the mean."""
    values = [sign * value for value in values]
    numbers = taken(*values)
    error = 0.0 if numbers.exact is not None else ERROR * (1 + 1e-9)
    for percent in range(1, 101):
        assert numbers.percentile(percent) == pytest.approx(nearest_rank(values, percent), rel=error)
    assert numbers.mean() == pytest.approx(math.fsum(values) / len(values), rel=1e-12)
    assert (numbers.low, numbers.high, numbers.count) == (min(values), max(values), len(values))


def test_many_of_both_signs() -> None:
    """Negative numbers, zeros and positive ones are in one order past the exact table, too."""
    values = [CHANCE.gauss(0, 1000) for _ in range(5000)] + [0.0] * 500
    numbers = taken(*values)
    assert numbers.exact is None
    for percent in range(1, 101):
        expected = nearest_rank(values, percent)
        assert numbers.percentile(percent) == pytest.approx(expected, rel=ERROR * (1 + 1e-9), abs=SMALLEST)


def test_up_to_so_many_values_it_is_exact() -> None:
    """`EXACT` different values are kept with how often each occurred; one more, and none is."""
    values = [n / 7 for n in range(EXACT)]
    numbers = taken(*values, *values)
    assert numbers.exact == dict.fromkeys(values, 2)
    numbers.add([-1.0], -1.0, -1.0)
    assert numbers.exact is None
    assert numbers.count == 2 * EXACT + 1


def test_what_is_taken_afterwards_counts() -> None:
    """Values behind the exact table's end are in the percentiles as well, the last few included."""
    numbers = taken(*[float(n) for n in range(2 * EXACT)], *[1e6] * (2 * EXACT + 1))
    assert numbers.percentile(95) == pytest.approx(1e6, rel=ERROR)


def test_an_answer_is_never_outside_of_what_was_seen() -> None:
    """The lowest and the highest bound what the cells answer."""
    numbers = taken(*[1000 + n / 1000 for n in range(2 * EXACT)])
    for percent in (1, 50, 95, 100):
        assert 1000 <= (numbers.percentile(percent) or 0) <= 1000 + (2 * EXACT - 1) / 1000


def test_no_number_has_no_mean_and_no_percentile() -> None:
    """Where nothing was measured there is no figure, not a zero."""
    assert (Numbers().mean(), Numbers().percentile(50)) == (None, None)


def test_the_order_does_not_matter() -> None:
    """The same numbers in another order have the same percentiles."""
    values = [CHANCE.lognormvariate(3, 2) for _ in range(4 * EXACT)]
    one = taken(*values)
    CHANCE.shuffle(values)
    two = taken(*values, at_once=17)
    for percent in (1, 50, 95, 99):
        assert one.percentile(percent) == pytest.approx(two.percentile(percent), rel=2 * ERROR)


def test_memory_is_bounded() -> None:
    """Numbers of every magnitude and sign take what the class says, exact and past that."""
    steps = 20_000
    values = [0.0001 * (2**53 / 0.0001) ** (step / steps) for step in range(steps)]
    numbers = taken(*values, *(-value for value in values), 0, 2.0**53, -(2.0**53))
    assert numbers._cells is not None
    assert sys.getsizeof(numbers._cells) <= 120 * 1024
    exact = taken(*values[:EXACT])
    assert sys.getsizeof(exact._values) + EXACT * sys.getsizeof(1.0) + EXACT * 28 <= 120 * 1024
