"""Sampling: whether this one event of many is recorded.

The rule that keeps it honest: each event is drawn independently, from the system's random source; nothing of the event,
the user or the machine decides. So what is recorded is a fair sample, and a count of it divided by the rate estimates
the count of all: the estimate of Horvitz and Thompson ("A Generalization of Sampling Without Replacement From a Finite
Universe", 1952). An event that is not drawn is no loss, and is not counted as one.
"""

import os

_LOTS = 32  # drawn at once: each call of the system's random source releases the interpreter lock, which takes time
_BITS = 53  # of one lot: all that a double can distinguish below 1
_ALL = 1 << _BITS


class Lots:
    """The lots of one process. Threads may draw at the same time; after a fork the child draws its own."""

    __slots__ = ("_drawn", "_process")

    def __init__(self) -> None:
        self._drawn: list[int] = []
        self._process = 0

    def fall_on(self, rate: float) -> bool:
        """Whether the event is drawn, with the probability `rate` (above 0, at most 1)."""
        process = os.getpid()
        if process != self._process:
            self._process, self._drawn = process, []
        try:
            lot = self._drawn.pop()  # one step: no two threads get the same
        except IndexError:
            digits = os.urandom(8 * _LOTS)
            fresh = [int.from_bytes(digits[at : at + 8], "big") >> (64 - _BITS) for at in range(0, len(digits), 8)]
            lot = fresh.pop()  # before others see the rest
            self._drawn = fresh
        return lot < rate * _ALL
