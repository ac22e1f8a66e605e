"""Numbers in bounded memory: their mean, their median, their percentiles.

The rule that keeps it honest: an answer is exact, or within 1 %, and says which. Up to `EXACT` different values are
kept as they are, with how often each occurred; past that they go into a histogram of logarithmic cells: cell i holds
what is above growth**(i - 1) and not above growth**i. Source: Masson, Rim and Lee, "DDSketch", VLDB 2019, the basic
sketch.
"""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil, copysign, inf, log

from .. import names

EXACT = 1000  # different values
ERROR = 0.01  # the largest relative error of a percentile past that
SMALLEST = 0.001  # below that the error is absolute, and less than this
_GROWTH = (1 + ERROR) / (1 - ERROR)
_PER_LOG = 1 / log(_GROWTH)
_FIRST = ceil(log(SMALLEST) * _PER_LOG)  # so the cells of positive numbers count from 1
_LAST = ceil(log(names.LARGEST_INTEGER) * _PER_LOG) - _FIRST + 1  # cells of either sign; that of 0 is between them


class Numbers:
    """Numbers between -2**53 and 2**53, in at most 120 KiB, whatever is added."""

    __slots__ = ("_cells", "_values", "count", "high", "low", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total: float = 0
        self.low = inf
        self.high = -inf
        self._values: Counter[float] = Counter()
        self._cells: array[int] | None = None  # a cell of negative numbers has a negative place, counted from the end

    def add(self, numbers: Sequence[float], low: float, high: float) -> None:
        """Add numbers, of which these are the lowest and the highest. Never raises for numbers in the range."""
        self.count += len(numbers)
        self.total += sum(numbers)
        self.low, self.high = min(self.low, low), max(self.high, high)
        cells = self._cells
        if cells is None:
            self._values.update(numbers)
            if len(self._values) > EXACT:
                cells = self._cells = array("q", bytes(8 * (2 * _LAST + 1)))
                for value, count in self._values.items():
                    cells[_cell(value)] += count
                self._values.clear()
        elif low >= SMALLEST:
            for value in numbers:  # as `_cell` has it, without a call for each
                cells[ceil(log(value) * _PER_LOG) - _FIRST + 1] += 1
        else:
            for value in numbers:
                cells[_cell(value)] += 1

    @property
    def exact(self) -> Mapping[float, int] | None:
        """Each value and how often it occurred; None where there were too many."""
        return self._values if self._cells is None else None

    def mean(self) -> float | None:
        """The mean, to a float's precision; None where there is no number."""
        return self.total / self.count if self.count else None

    def percentile(self, percent: int) -> float | None:
        """The number that `percent` (1 to 100) of a hundred do not exceed: exact, or within 1 %. None without numbers.

        By nearest rank: the median, `percentile(50)`, of 1, 2, 3 and 4 is 2.
        """
        cells, rank = self._cells, -(-percent * self.count // 100)  # rounded up, in integers: 0.07 * 100 is above 7
        for place in range(-_LAST, _LAST + 1) if cells is not None else sorted(self._values):
            rank -= self._values[place] if cells is None else cells[int(place)]
            if rank <= 0:
                return place if cells is None else min(max(_middle(int(place)), self.low), self.high)
        return None


def _cell(value: float) -> int:
    if -SMALLEST < value < SMALLEST:
        return 0
    cell = ceil(log(abs(value)) * _PER_LOG) - _FIRST + 1
    return cell if value > 0 else -cell


def _middle(cell: int) -> float:
    """The value of a cell whose relative distance to both ends is the same."""
    middle = 2 * _GROWTH ** (abs(cell) + _FIRST - 1) / (_GROWTH + 1)
    return copysign(middle, cell) if cell else 0.0
