"""Randomized response: an answer that its giver can deny, and what many such answers still say together.

    the truth   with probability e^epsilon / (e^epsilon + k - 1)
    each lie    with probability         1 / (e^epsilon + k - 1)         k: how many answers there are

So whatever the truth was, no answer is more than e^epsilon times as likely as it would have been under another truth:
that is local differential privacy. For two answers it is Warner's ("Randomized Response: A Survey Technique for
Eliminating Evasive Answer Bias", 1965), for k that of Kairouz, Bonawitz and Ramage ("Discrete Distribution Estimation
under Local Privacy", 2016, section 3.1).

The rule that keeps it honest: one truth has one answer. Fresh noise at each event would average out, so an installation
answers as it did before: the permanent randomized response of RAPPOR (Erlingsson, Pihur and Korolova, 2014). RAPPOR
keeps a memo of random draws; here none is kept. The draw is a number of 256 bits, made by BLAKE2b, keyed by the salt of
the installation, from the event, the field, the declared answers, epsilon and the true value. Without the salt such
numbers cannot be told from independent random ones, and the same message has the same one each time, as if looked up.
So no file holds a true value, and processes that begin at once agree. A new salt (`clear`) is an empty memo.

The answers and epsilon are part of the message, since one draw must not serve two declarations: a row that answered
truly under one epsilon and not under another would give the truth away with certainty. With independent draws, what was
asked under two declarations is private within the sum of both epsilons.

Nothing here has state, a file, a clock or a source of randomness.
"""

import math

from . import numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeVar

    from .conversions import Clean, Conversion, Convert, Draw

    Choice = TypeVar("Choice", bool, str)

_LIE = 2**32  # the weight of one lie; the truth's is a whole number too, so that the probabilities are exact


def weights(epsilon: float) -> tuple[int, int]:
    """The weights of the truth and of each single lie, as whole numbers.

    The first is rounded down, so their ratio is never above `math.exp(epsilon)`: e^epsilon to the last bit of a double.
    """
    return math.floor(math.exp(epsilon) * _LIE), _LIE


def probabilities(size: int, epsilon: float) -> tuple[float, float]:
    """How likely the truth is, and each single lie, among `size` answers."""
    truth, lie = weights(epsilon)
    total = truth + (size - 1) * lie
    return truth / total, lie / total


def answer(true: int, size: int, epsilon: float, draw: int) -> int:
    """The index of the answer that is given, of `size` answers; `true` is the index of the truth.

    `draw` is uniform below 2^256. The total of the weights is below 2^32 * (2^15 + size), so the bias of the remainder
    is less than one part in 2^190.
    """
    truth, lie = weights(epsilon)
    place = draw % (truth + (size - 1) * lie)
    if place < truth:
        return true
    other = (place - truth) // lie
    return other + (other >= true)


def bound(row: "Conversion", event: str, field: str, draw: "Draw | None") -> "Convert":
    """The conversion of `row` for one field of one event, answered by lot.

    The order in which the answers were declared makes no difference. Raises `ValueError` if there is nothing to draw
    from. The function returned raises what the conversion and `draw` raise; then there is no answer.
    """
    if draw is None or row.epsilon is None:
        raise ValueError("an answer by lot needs an epsilon, and the salt of an installation")
    epsilon = row.epsilon
    ordered: list[Any] = sorted(row.domain, key=str)
    head = "\0".join([repr(epsilon), *map(str, ordered), ""]).encode()  # no declared text holds a NUL
    given: dict[Clean, Clean] = {}  # the answers of this process so far: at most one for each of the domain

    def answered(value: object) -> "Clean | None":
        true: Any = row.convert(value)
        if true is None:
            return None
        if true not in given:
            number = draw(event, field, head + str(true).encode())
            given[true] = ordered[answer(ordered.index(true), len(ordered), epsilon, number)]
        return given[true]

    return answered


def estimate(
    observed: "Mapping[Choice, int]", domain: "Iterable[Choice]", epsilon: float
) -> "dict[Choice, tuple[float, float]]":
    """How often each of `domain` was the truth, with the standard error, from how often each was the answer.

    Of n answers in all, the truth has probability p and each lie q. Then a choice that was answered c times was true
    (c - n q) / (p - q) times (Kairouz et al., section 3.1; Warner for k = 2). This is unbiased, so with few answers it
    may be below 0 or above n; the estimates add up to n. The standard error is that of the answers given the truths:
    the square root of (t p (1 - p) + (n - t) q (1 - q)) / (p - q)^2, where t is the estimate, clamped to 0..n. It
    says nothing about those who did not answer. It takes each answer for a draw of its own. An installation that
    repeats its one answer m times adds m^2 to the variance, not m; so with repeated answers the error is larger, by
    the square root of (sum of m^2) / (sum of m).

    Raises `ValueError` for an epsilon that no row can have, for fewer than two choices, and for a count of another.
    """
    choices = tuple(dict.fromkeys(domain))
    numbers.checked_epsilon(epsilon, choices)
    foreign = [choice for choice in observed if choice not in choices]
    if foreign:
        raise ValueError(f"{foreign[0]!r} is not among the possible answers")
    truth, lie = probabilities(len(choices), epsilon)
    number = sum(observed.values())
    found: dict[Choice, tuple[float, float]] = {}
    for choice in choices:
        guess = (observed.get(choice, 0) - number * lie) / (truth - lie)
        true = min(max(guess, 0.0), number)
        variance = true * truth * (1 - truth) + (number - true) * lie * (1 - lie)
        found[choice] = guess, math.sqrt(variance) / (truth - lie)
    return found
