"""Every conversion with every parameter, once: what drives the tests of its spelling, words, example and schema."""

from typing import Any, NamedTuple

from discreet import Aggregate, Boolean, Count, Distribution, Forbidden, Hash, Number, OneOf, TextCount, Version
from discreet.privacy.conversions import Conversion
from discreet.privacy.declaration import Declaration

LARGEST = 2**53
_OWN = Declaration().events["command"]
_OWN_ERRORS = Declaration(fields={"error": OneOf("PlanError", "LockError")}).events["command"]

_SAMPLED = Declaration({"search": {"fields": {}, "sample": 0.25}}).events["search"]


class Case(NamedTuple):
    """A row; the line that spells it; what it records, in words; an example where the author gave none.

    `raw` are values that a host may hand over; `never` are values that no record of this row can hold.
    """

    row: Conversion
    spelled: str
    words: str
    example: Any
    raw: tuple[object, ...]
    never: tuple[object, ...]


NUMBERS = (0, 1, -1, 7, 0.5, -2.75, 99, 100, 143, 12345, 1e-9, 1e300, -1e300, LARGEST, -LARGEST, LARGEST + 1, 2**60)
TEXTS = ("json", "table", "yaml", "other", "", "x" * 300, "PlanError", "3.11.7", "sync")
NO_NUMBERS: tuple[object, ...] = ("12", None, True, [1], {}, LARGEST + 1, -LARGEST - 1, 1e300)
CASES = {
    "forbid": Case(Forbidden(), "forbid", "Nothing: this is never recorded.", None, TEXTS, (0, 1, "", None, False, {})),
    "boolean": Case(
        Boolean(), "boolean", "Yes or no, and nothing more.", True, (0, "x", None, []), (0, 1, "true", None)
    ),
    "count": Case(
        Count(),
        "count",
        "How many there are, not which ones.",
        3,
        ([], ["a", "b"], "text", None, {"a": 1}),
        (-1, 0.5, "3", True, None, LARGEST + 1, ["a"]),
    ),
    "hash": Case(
        Hash(),
        "hash",
        "16 letters and digits in place of the value, made with a secret that never leaves your machine. Equal values "
        "look equal in this field until the calendar month ends; then they get others.",
        "0fd53f1e62cbe0f5",
        ("/home/ada", b"x", 5),
        ("/home/ada", "0fd53f1e62cbe0f", "0fd53f1e62cbe0f5a", "0FD53F1E62CBE0F5", 5, None),
    ),
    "text_count": Case(
        TextCount(),
        "text_count",
        "The length of a text in characters, never the text.",
        19,
        TEXTS,
        (-1, 0.5, "text", True, None),
    ),
    "distribution": Case(
        Distribution("py", "js"),
        'distribution "js" "py"',
        "How often each of these occurs: `py`, `js`; all others together are `other`.",
        {"py": 2, "other": 1},
        (["py", "py", "secret"], [], {"js": 120, "rs": 3}, "py"),
        ({"secret": 1}, {"py": 0}, {"py": "1"}, {"py": 0.5}, {"py": -1}, ["py"], "py", None),
    ),
    "aggregate": Case(
        Aggregate(), "aggregate", "The numbers added up.", 42, ([1, 2, 3.5], {"a": 2}, 5, [], 1e300), NO_NUMBERS
    ),
    "number": Case(Number(), "number", "The exact number.", 42, NUMBERS, NO_NUMBERS),
    "number, a step": Case(
        Number(round_to=10),
        "number round_to=10",
        "The number, rounded to the nearest multiple of 10.",
        40,
        NUMBERS,
        (143, 140.5, *NO_NUMBERS),
    ),
    "number, a broken step": Case(
        Number(round_to=0.1),
        "number round_to=0.1",
        "The number, rounded to the nearest multiple of 0.1.",
        42.0,
        (0.3, *NUMBERS),
        NO_NUMBERS,
    ),
    "number, digits": Case(
        Number(significant=2),
        "number significant=2",
        "The number, rounded to 2 significant digits (12345 becomes 12000).",
        42,
        NUMBERS,
        NO_NUMBERS,
    ),
    "number, one digit": Case(
        Number(significant=1),
        "number significant=1",
        "The number, rounded to 1 significant digit (12345 becomes 10000).",
        40,
        NUMBERS,
        NO_NUMBERS,
    ),
    "number, a step and digits": Case(
        Number(round_to=7, significant=1, low=-50),
        "number round_to=7 significant=1 low=-50",
        "The number, rounded to the nearest multiple of 7, then to 1 significant digit (12345 becomes 10000); "
        "less than -50 counts as -50.",
        40,
        NUMBERS,
        (-60, 0.5, *NO_NUMBERS),
    ),
    "number, ends": Case(
        Number(low=0, high=100),
        "number low=0 high=100",
        "The exact number; less than 0 counts as 0; more than 100 counts as 100.",
        42,
        NUMBERS,
        (-1, 101, *NO_NUMBERS),
    ),
    "number, buckets": Case(
        Number(buckets=(0, 10, 100, 1000)),
        "number buckets=0,10,100,1000",
        "Not the number itself, but the last of 0, 10, 100, 1000 that it reaches (0 if it reaches none).",
        10,
        NUMBERS,
        (1, 99, -10, *NO_NUMBERS),
    ),
    "number, buckets and ends": Case(
        Number(buckets=(0.5, 10, 100), low=1, high=99),
        "number low=1 high=99 buckets=0.5,10,100",
        "Not the number itself, but the last of 0.5, 10, 100 that it reaches (0.5 if it reaches none); "
        "less than 1 counts as 1; more than 99 counts as 99.",
        10,
        NUMBERS,
        (100, 1, 0, *NO_NUMBERS),
    ),
    "number, powers of two": Case(
        Number(buckets="powers_of_two"),
        "number buckets=powers_of_two",
        "Not the number itself, but the last of 0, 1, 2, 4, 8 and so on that it reaches, with its sign.",
        32,
        NUMBERS,
        (3, 143, 0.5, -6, *NO_NUMBERS),
    ),
    "number, powers of two and ends": Case(
        Number(buckets="powers_of_two", low=-3, high=100),
        "number low=-3 high=100 buckets=powers_of_two",
        "Not the number itself, but the last of 0, 1, 2, 4, 8 and so on that it reaches, with its sign; "
        "less than -3 counts as -3; more than 100 counts as 100.",
        32,
        NUMBERS,
        (128, -4, 3, *NO_NUMBERS),
    ),
    "boolean, by lot": Case(
        Boolean(epsilon=1),
        "boolean epsilon=1.0",
        "Yes or no, and with a chance of 26.9 % (epsilon 1.0) the wrong one on purpose. So no answer is certain; "
        "for the same truth you always give the same one.",
        True,
        (0, "x", None, []),
        (0, 1, "true", None),
    ),
    "one_of, by lot": Case(
        OneOf("table", "json", epsilon=0.5, level="enhanced"),
        'one_of "json" "table" epsilon=0.5 @enhanced',
        "One of these: `table`, `json`, `other`. Where none fits it is `other`, and with a chance of 54.8 % (epsilon "
        "0.5) any of the wrong ones on purpose. So no answer is certain; for the same truth you always give the same "
        "one.",
        "table",
        (*TEXTS, 5),
        ("yaml", "", "Json", 5, None, True),
    ),
    "own: sample rate": Case(
        _SAMPLED["sample_rate"],  # type: ignore[arg-type]  # no mapping
        "sample_rate rate=0.25",
        "The share of these events that is recorded: 0.25.",
        0.25,
        (0.25, None, 1),
        (0.5, 1, "0.25", None),
    ),
    "one_of": Case(
        OneOf("table", "json"),
        'one_of "json" "table"',
        "Which one of these it is: `table`, `json`; anything else is `other`.",
        "table",
        (*TEXTS, 5),
        ("yaml", "", "Json", 5, None, True),
    ),
    "one_of, hard texts": Case(
        OneOf('a "b"', "back\\slash", "tick`", "sp ace", "päper", "a|b", "x=1", "@enhanced", "`", level="enhanced"),
        r'one_of "@enhanced" "`" "a \"b\"" "a|b" "back\\slash" "päper" "sp ace" "tick`" "x=1" @enhanced',
        'Which one of these it is: `a "b"`, `back\\slash`, `` tick` ``, `sp ace`, `päper`, `a|b`, `x=1`, `@enhanced`, '
        "`` ` ``; anything else is `other`.",
        'a "b"',
        ('a "b"', "tick`", "nothing"),
        ("a", "b", "back", None),
    ),
    "version": Case(
        Version(),
        "version",
        "A version number of two or three parts, such as 3.11.7; anything else is left out.",
        "3.11.7",
        ("3.11.7", "2.0rc1", "1.2a3", "10.0.0.1", "v1.2", "1.2.3-dev"),
        ("10.0.0.1", "v1.2", "3", "1.2rc", "12345.1", 3.11, None),
    ),
    "own: command": Case(
        _OWN["command"],  # type: ignore[arg-type]  # no mapping
        "command_name",
        "The name that the command has in the code, never what was typed after it.",
        "import.from_code",
        ("sync", "import.from_code", "Not Legal", ""),
        ("Not Legal", "", 5, None),
    ),
    "own: error": Case(
        _OWN["error"],  # type: ignore[arg-type]  # no mapping
        "error_name",
        "The kind of error: Python's own name for it, else `other`. Never its text.",
        "ValueError",
        ("ValueError", "KeyboardInterrupt", "PlanError", "x"),
        ("PlanFault", "no such file", 5, None),
    ),
    "own: error, declared": Case(
        _OWN_ERRORS["error"],  # type: ignore[arg-type]  # no mapping
        'error_name "LockError" "PlanError"',
        "The kind of error: Python's own name for it or one of `PlanError`, `LockError`, else `other`. Never its text.",
        "ValueError",
        ("ValueError", "PlanError", "x"),
        ("PlanFault", "no such file", 5, None),
    ),
}  # fmt: skip
