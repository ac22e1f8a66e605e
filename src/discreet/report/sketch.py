"""Numbers in bounded memory: their mean, their median, their percentiles.

The rule that keeps it honest: an answer is exact, or within 1 %, and says which. Up to `EXACT` different values are kept
as they are, with how often each occurred; past that they go into a histogram of logarithmic cells: cell i holds what is
above growth**(i - 1) and not above growth**i. Source: Masson, Rim and Lee, "DDSketch", VLDB 2019, the basic sketch.
"""

import math
from collections.abc import Mapping

EXACT = 1000  # different values
ERROR = 0.01  # the largest relative error of a percentile past that
SMALLEST = 0.001  # below that the error is absolute, and less than this
_GROWTH = (1 + ERROR) / (1 - ERROR)
_LOG_GROWTH = math.log(_GROWTH)
_FIRST = math.ceil(math.log(SMALLEST) / _LOG_GROWTH)  # so the cells of positive numbers count from 1


class Numbers:
    """Numbers between -2**53 and 2**53. At most `EXACT` values and about 4,400 cells, whatever is added."""

    __slots__ = ("_cells", "_values", "count", "high", "low", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total: float = 0
        self.low: float = math.inf
        self.high: float = -math.inf
        self._values: dict[float, int] = {}
        self._cells: dict[int, int] = {}

    def add(self, counted: Mapping[float, int]) -> None:
        """Take numbers, as each of them to how often it occurred. Never raises for numbers in the range."""
        values = self._values
        for value, count in counted.items():
            values[value] = values.get(value, 0) + count
            self.count += count
            self.total += value * count
        self.low = min(self.low, *counted)
        self.high = max(self.high, *counted)
        if len(values) > EXACT:
            for value, count in values.items():
                cell = _cell(value)
                self._cells[cell] = self._cells.get(cell, 0) + count
            values.clear()

    @property
    def exact(self) -> Mapping[float, int] | None:
        """Each value and how often it occurred; None where there were too many."""
        return None if self._cells else self._values

    def mean(self) -> float | None:
        """The mean, to a float's precision; None where there is no number."""
        return self.total / self.count if self.count else None

    def percentile(self, percent: int) -> float | None:
        """What `percent` (1 to 100) of a hundred numbers do not exceed: exact, or within 1 %. None without numbers.

        By nearest rank: the median, `percentile(50)`, of 1, 2, 3 and 4 is 2.
        """
        held = {cell: count for cell, count in self._cells.items()}
        if held:
            for value, count in self._values.items():
                held[_cell(value)] = held.get(_cell(value), 0) + count
        table: Mapping[float, int] = held or self._values
        rank = -(-percent * self.count // 100)  # rounded up, in integers: 0.07 * 100 is above 7
        for place in sorted(table):
            rank -= table[place]
            if rank <= 0:
                return min(max(_middle(int(place)), self.low), self.high) if held else place
        return None


def _cell(value: float) -> int:
    if -SMALLEST < value < SMALLEST:
        return 0
    cell = math.ceil(math.log(abs(value)) / _LOG_GROWTH) - _FIRST + 1
    return cell if value > 0 else -cell


def _middle(cell: int) -> float:
    """As far, relatively, from one end of the cell as from the other."""
    middle = 2 * _GROWTH ** (abs(cell) + _FIRST - 1) / (_GROWTH + 1)
    return math.copysign(middle, cell) if cell else 0.0
