"""Arithmetic of the conversions: what counts as a number, and how it is bounded, rounded and summed."""

import decimal
import enum
import fractions
import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discreet import Aggregate, Distribution, Number
from discreet.privacy import numbers
from discreet.privacy.numbers import Refused

LARGEST = 2**53
many = settings(max_examples=4 * settings().max_examples)
finite = st.integers(-LARGEST, LARGEST) | st.floats(-LARGEST, LARGEST)


class Answers:
    """An object that answers `__index__` or `__float__` with anything."""

    def __init__(self, **answers: object) -> None:
        self.__class__ = type("Answers", (Answers,), {n: lambda _, a=answer: a for n, answer in answers.items()})


class Level(enum.IntEnum):
    """A number enum."""

    HIGH = 3


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (True, 1),
        (Level.HIGH, 3),
        (10**400, 10**400),
        (0.5, 0.5),
        (math.inf, math.inf),
        (Answers(__index__=7), 7),
        (Answers(__index__=True), 1),
        (Answers(__float__=0.25), 0.25),
        (Answers(__index__=7, __float__=0.25), 7),
        (decimal.Decimal("2.5"), 2.5),
        (fractions.Fraction(1, 2), 0.5),
    ],
)
def test_a_number_is_an_exact_one(value: object, number: float) -> None:
    """Numbers of any kind become an exact int or float."""
    found = numbers.plain(value)
    assert found == number
    assert type(found) in (int, float)
    assert type(found) is type(number)


@pytest.mark.parametrize(
    "value", [None, "1", b"1", [1], (), {}, 1j, object(), int, Answers(__int__=3), Answers(__len__=3)]
)
def test_what_is_no_number(value: object) -> None:
    """Text is no number, and neither is what merely has `__int__`."""
    with pytest.raises(Refused):
        numbers.plain(value)


@pytest.mark.parametrize("lie", ["12", "nan", b"12", None, [1], 1j, 0.5])
def test_a_method_that_lies(lie: object) -> None:
    """What `__index__` or `__float__` answers is a number or an error: no text is read as a number."""
    with pytest.raises(TypeError):
        numbers.plain(Answers(__index__=lie))
    if lie != 0.5:
        with pytest.raises(TypeError):
            numbers.plain(Answers(__float__=lie))


def test_a_decimal_that_signals() -> None:
    """What a value's own method raises is passed on: the event is dropped."""
    with pytest.raises(ValueError, match="NaN"):
        numbers.plain(decimal.Decimal("sNaN"))


def test_finite() -> None:
    """Nothing beyond 2**53 is a finite number, and neither is a NaN; the bounds themselves are."""
    for number in (0, LARGEST, -LARGEST, 0.5, float(LARGEST)):
        assert numbers.finite(number) == number
    for number in (
        LARGEST + 1,
        -LARGEST - 1,
        math.nextafter(LARGEST, math.inf),
        math.inf,
        -math.inf,
        math.nan,
        10**400,
    ):
        assert numbers.finite(number) is None


def test_bounded() -> None:
    """A count is neither negative nor beyond 2**53."""
    assert [numbers.bounded(count) for count in (0, LARGEST)] == [0, LARGEST]
    for count in (-1, LARGEST + 1, 10**400):
        with pytest.raises(Refused):
            numbers.bounded(count)


@many
@given(finite, st.integers(1, 10**6) | st.floats(1e-6, 1e6))
def test_a_step(number: float, step: float) -> None:
    """What was rounded is a multiple of the step, at most half a step away, as far as a float can tell."""
    result = numbers.rounded(number, step, None)
    slack = max(abs(number), step) * 1e-12
    assert abs(result - number) <= step / 2 + slack
    assert type(result) is (int if type(step) is int else float)
    assert abs(result / step - round(result / step)) <= 1e-5 or abs(result) > 1e9 * step


@many
@given(finite, st.integers(1, 15))
def test_significant_digits(number: float, digits: int) -> None:
    """No more digits than asked for are left, and the value is off by half of the last one at most."""
    result = numbers.rounded(number, None, digits)
    assert type(result) is type(number)
    shown = decimal.Decimal(repr(result)).normalize()
    assert len(shown.as_tuple().digits) <= digits or (type(number) is int and abs(number) > 10**15)
    assert abs(result - number) <= abs(number) * 0.5000001 * 10.0 ** (1 - digits)


def test_a_rounded_float_looks_it() -> None:
    """No tail of binary noise is left on what was rounded."""
    assert [numbers.rounded(tenth / 10, 0.1, None) for tenth in range(10)] == [tenth / 10 for tenth in range(10)]
    assert repr(numbers.rounded(0.30000000000000004, 0.1, None)) == "0.3"


@many
@given(finite, st.lists(finite, min_size=1, unique=True).map(sorted))
def test_a_bucket(number: float, edges: list[float]) -> None:
    """The bucket is one of the edges: the largest not above the number, or the first."""
    below = [edge for edge in edges if edge <= number]
    assert numbers.bucket(number, tuple(edges)) == (max(below) if below else edges[0])


@many
@given(finite | st.integers(-(2**53), 2**53))
def test_a_power_of_two(number: float) -> None:
    """Nothing, or the largest power of two whose magnitude is not above the number's, with its sign; an exact int."""
    power = numbers.bucket(number, "powers_of_two")
    assert type(power) is int
    if abs(number) < 1:
        assert power == 0
    else:
        assert power * number > 0
        assert abs(power).bit_count() == 1
        assert abs(power) <= abs(number) < 2 * abs(power)
    assert numbers.bucket(power, "powers_of_two") == power


@many
@given(finite, finite, finite)
def test_a_clamp(number: float, one: float, other: float) -> None:
    """Without rounding, what leaves lies between the bounds, and is the number where that does."""
    low, high = sorted((one, other))
    result = Number(low=low, high=high).convert(number)
    assert result is not None
    assert low <= result <= high
    assert result == number or not low <= number <= high


@many
@given(st.lists(finite, max_size=20))
def test_a_total(values: list[float]) -> None:
    """A sum is the sum, of a list as of a mapping's values."""
    assert numbers.total(values) == pytest.approx(sum(values), nan_ok=True)
    assert numbers.total(dict(enumerate(values))) == pytest.approx(sum(values), nan_ok=True)


@many
@given(st.lists(st.sampled_from(["py", "js", "rs", ""]), max_size=20))
def test_a_distribution_adds_up(items: list[str]) -> None:
    """Every item is counted once, as itself or as `other`."""
    found = Distribution("py", "js").convert(items)
    assert found is not None
    assert sum(map(int, found.values())) == len(items)  # type: ignore[arg-type]  # counts
    assert {name: items.count(name) for name in ("py", "js") if name in items}.items() <= found.items()


STEPS = st.sampled_from([1, 5, 10, 1000, 0.1, 0.25, 0.05, 3, 7, 1.5]) | st.floats(1e-3, 1e3)
BOUNDS = st.none() | st.integers(-1000, 1000) | st.floats(-1000, 1000)


@many
@given(
    st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6),
    st.none() | STEPS,
    st.none() | st.integers(1, 15),
    BOUNDS,
    BOUNDS,
)
def test_what_left_would_leave_again(
    number: float, step: float | None, digits: int | None, low: float | None, high: float | None
) -> None:
    """What a number became becomes itself, so that a deliverer can tell whether a row produced what is on the log."""
    if low is not None and high is not None:
        low, high = sorted((low, high))
    row = Number(step, None if step else digits, low, high)
    left = row.convert(number)
    if left is not None:
        assert row.convert(left) == left


class Long:
    """A container of a length and contents of its own choice."""

    def __init__(self, length: int, *contents: object, endless: bool = False) -> None:
        self.length = length
        self.contents = contents
        self.endless = endless
        self.taken = 0

    def __len__(self) -> int:
        return self.length

    def __iter__(self):
        for item in itertools.cycle(self.contents) if self.endless else self.contents:
            self.taken += 1
            yield item


@pytest.mark.timeout(10)
def test_a_container_that_never_ends() -> None:
    """No more items are looked at than a container says it has: a caller never waits for ever."""
    assert Aggregate().convert(Long(3, 2, endless=True)) == 6
    assert Distribution("py").convert(Long(2, "py", endless=True)) == {"py": 2}
    assert Aggregate().convert(Long(5, 1, 2)) == 3


@pytest.mark.timeout(10)
@pytest.mark.parametrize("conversion", [Aggregate(), Distribution("py")])
def test_a_container_that_is_too_large(conversion: Aggregate | Distribution) -> None:
    """A container whose items would take seconds to look at is refused before the first of them."""
    for large in (Long(numbers.ITEMS + 1, 1, endless=True), Long(2**62, 1), range(10**12)):
        with pytest.raises(Refused):
            conversion.convert(large)
        assert getattr(large, "taken", 0) == 0
    with pytest.raises(OverflowError):
        conversion.convert(range(10**400))


WRONG_OPTIONS = [
    ({"round_to": 0}, "round_to"),
    ({"round_to": -5}, "round_to"),
    ({"round_to": "10"}, "round_to"),
    ({"round_to": True}, "round_to"),
    ({"round_to": math.nan}, "round_to"),
    ({"round_to": math.inf}, "round_to"),
    ({"round_to": 10**400}, "round_to"),
    ({"significant": 0}, "significant"),
    ({"significant": 16}, "significant"),
    ({"significant": 2.0}, "significant"),
    ({"significant": True}, "significant"),
    ({"low": "0"}, "low"),
    ({"low": math.nan}, "low"),
    ({"high": math.inf}, "high"),
    ({"high": decimal.Decimal(1)}, "high"),
    ({"low": 2, "high": 1}, "low"),
    ({"buckets": ()}, "buckets"),
    ({"buckets": (1, 1)}, "buckets"),
    ({"buckets": (2, 1)}, "buckets"),
    ({"buckets": (1, math.nan)}, "buckets"),
    ({"buckets": (1, math.inf)}, "buckets"),
    ({"buckets": ("1", "2")}, "buckets"),
    ({"buckets": (True,)}, "buckets"),
    ({"buckets": 5}, "buckets must be"),
    ({"buckets": 1.5}, "buckets must be"),
    ({"buckets": True}, "buckets must be"),
    ({"buckets": "powers of two"}, "buckets"),
    ({"buckets": ""}, "buckets"),
    ({"buckets": "powers_of_two", "significant": 1}, "buckets"),
    ({"buckets": (1, 2), "round_to": 1}, "buckets"),
    ({"buckets": (1, 2), "significant": 1}, "buckets"),
]


@pytest.mark.parametrize(("options", "name"), WRONG_OPTIONS, ids=repr)
def test_wrong_options(options: dict[str, object], name: str) -> None:
    """An option that makes no sense is refused by its name."""
    with pytest.raises(ValueError, match=name):
        Number(**options)


def test_right_options() -> None:
    """What makes sense is taken, equal bounds and a single edge too; edges may come from anything that yields them."""
    assert Number(low=1, high=1).convert(5) == 1
    assert Number(buckets=iter([0, 10])).convert(12) == 10
    assert Number(buckets=range(0, 100, 25)).convert(60) == 50
    assert Number(10, None, 0).convert(-7) == 0
