"""Conversions in plain words, for the people whose data it is.

The rule that keeps it honest: a sentence names every parameter that decides what leaves, and promises nothing that the
conversion does not do. Declared texts stand as code, so that none of them is read as a part of the sentence.
"""

from . import OTHER, numbers
from .randomized import probabilities
from .spelled import TEXTS, spelling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .conversions import Conversion
    from .spelled import Spelling

_PLAIN = {
    "aggregate": "The numbers added up.",
    "boolean": "Yes or no, and nothing more.",
    "command_name": "The name that the command has in the code, never what was typed after it.",
    "count": "How many there are, not which ones.",
    "forbid": "Nothing: this is never recorded.",
    "hash": (
        "16 letters and digits in place of the value, made with a secret that never leaves your machine. Equal values "
        "look equal in this field until the calendar month ends; then they get others."
    ),
    "text_count": "The length of a text in characters, never the text.",
    "version": "A version number of two or three parts, such as 3.11.7; anything else is left out.",
}
_SAMPLE = 12345  # shows what rounding to significant digits does


def words(row: "Conversion") -> str:
    """What is recorded through a row, in a sentence or two."""
    found = spelling(row)
    if row.epsilon is not None:
        return _by_lot(row, row.epsilon)
    if found.word == "number":
        return _number(found)
    if found.word == "sample_rate":
        return f"The share of these events that is recorded: {found.options['rate']}."
    texts = listed(getattr(row, TEXTS[found.word])) if found.word in TEXTS else ""  # in the author's order
    if found.word == "one_of":
        return f"Which one of these it is: {texts}; anything else is {code(OTHER)}."
    if found.word == "distribution":
        return f"How often each of these occurs: {texts}; all others together are {code(OTHER)}."
    if found.word == "error_name":
        declared = f" or one of {texts}" if texts else ""
        return f"The kind of error: Python's own name for it{declared}, else {code(OTHER)}. Never its text."
    return _PLAIN[found.word]


def code(text: str) -> str:
    """A text as Markdown code, whatever is in it (CommonMark, section 6.1)."""
    fence = "`"
    while fence in text:
        fence += "`"
    blank = " " if text[:1] in " `" or text[-1:] in " `" else ""
    return f"{fence}{blank}{text}{blank}{fence}"


def listed(texts: "Iterable[str]") -> str:
    """Texts as code, with commas between them."""
    return ", ".join(map(code, texts))


def _by_lot(row: "Conversion", epsilon: float) -> str:
    """An answer by lot. How likely a lie is comes from the code that draws it."""
    lie = f"{100 * (1 - probabilities(len(row.domain), epsilon)[0]):.3g} %"
    chance = f"with a chance of {lie} (epsilon {epsilon})"
    steady = "no answer is certain; for the same truth you always give the same one"
    if spelling(row).word == "boolean":
        return f"Yes or no, and {chance} the wrong one on purpose. So {steady}."
    fitting = f"One of these: {listed(map(str, row.domain))}. Where none fits it is {code(OTHER)}"
    return f"{fitting}, and {chance} any of the wrong ones on purpose. So {steady}."


def _number(found: "Spelling") -> str:
    options = found.options
    edges = ""
    if "low" in options:
        edges += f"; less than {options['low']} counts as {options['low']}"
    if "high" in options:
        edges += f"; more than {options['high']} counts as {options['high']}"
    buckets = options.get("buckets")
    if buckets == numbers.POWERS:
        return f"Not the number itself, but the last of 0, 1, 2, 4, 8 and so on that it reaches, with its sign{edges}."
    if isinstance(buckets, tuple):
        steps = ", ".join(map(str, buckets))
        return (
            f"Not the number itself, but the last of {steps} that it reaches ({buckets[0]} if it reaches none){edges}."
        )
    rounding = []
    if "round_to" in options:
        rounding.append(f"to the nearest multiple of {options['round_to']}")
    if isinstance(digits := options.get("significant"), int):
        shown = numbers.rounded(_SAMPLE, None, digits)
        rounding.append(f"to {digits} significant digit{'s' if digits > 1 else ''} ({_SAMPLE} becomes {shown})")
    head = f"The number, rounded {', then '.join(rounding)}" if rounding else "The exact number"
    return f"{head}{edges}."
