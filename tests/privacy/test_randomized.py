"""Answers by lot: the privacy bound against its definition, the memo that needs no file, and the estimate of many."""

import itertools
import json
import math
import os
import random
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet import Boolean, Count, OneOf, Telemetry
from discreet.privacy import Filter
from discreet.privacy.conversions import Conversion
from discreet.privacy.declaration import Declaration
from discreet.privacy.randomized import answer, estimate, probabilities, weights
from discreet.privacy.rows import Rows
from discreet.sending.installation import drawn, pseudonym

EPSILONS = (0.01, 0.1, 0.5, 1.0, math.log(3), 2.0, 4.0, 10.0)
SIZES = (2, 3, 5, 20, 257)
LONG = 10.0  # seconds: a bound on hangs, never a measure
DRAW_BITS = 256  # of what `drawn` gives
# The 99.99 % points of chi-square by degrees of freedom. All draws here are from fixed seeds: nothing fails by chance.
CHI_SQUARE = {1: 15.14, 2: 18.42, 3: 21.11, 15: 44.26}
MakeTelemetry = Callable[..., Telemetry]


def distribution(true: int, size: int, epsilon: float) -> list[Fraction]:
    """The exact probability of each answer, from `answer` itself: it is constant on each of `size` blocks of draws."""
    truth, lie = weights(epsilon)
    total = truth + (size - 1) * lie
    shares = [Fraction(0)] * size
    start = 0
    for length in (truth, *[lie] * (size - 1)):
        given = {answer(true, size, epsilon, place) for place in (start, start + length // 2, start + length - 1)}
        assert len(given) == 1
        shares[given.pop()] += Fraction(length, total)
        start += length
    assert start == total
    return shares


@pytest.mark.parametrize("size", SIZES[:-1])
@pytest.mark.parametrize("epsilon", EPSILONS)
def test_the_privacy_bound(size: int, epsilon: float) -> None:
    """For all pairs of truths and every answer: P[answer | one] <= e^epsilon P[answer | other], without rounding."""
    bound = Fraction(math.exp(epsilon))
    shares = [distribution(true, size, epsilon) for true in range(size)]
    for one, other in itertools.product(shares, repeat=2):
        assert sum(one) == 1
        assert all(here <= bound * there for here, there in zip(one, other, strict=True))
    largest = max(shares[0][0] / shares[1][0], shares[1][1] / shares[0][1])
    assert float(largest) == pytest.approx(math.exp(epsilon), rel=1e-9)  # and no more is hidden than was asked for


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("epsilon", EPSILONS)
def test_the_probabilities(size: int, epsilon: float) -> None:
    """They are those of the definition, for the truth and for each lie, and those that `answer` has."""
    truth, lie = probabilities(size, epsilon)
    assert truth == pytest.approx(math.exp(epsilon) / (math.exp(epsilon) + size - 1), rel=1e-9)
    assert lie == pytest.approx(1 / (math.exp(epsilon) + size - 1), rel=1e-9)
    shares = distribution(size // 2, size, epsilon)
    assert [float(share) for share in shares] == [truth if at == size // 2 else lie for at in range(size)]


@given(st.integers(2, 40), st.floats(0.01, 10), st.integers(0, 2**DRAW_BITS - 1), st.data())
def test_every_draw_is_an_answer(size: int, epsilon: float, draw: int, data: st.DataObject) -> None:
    """Whatever is drawn, the answer is one of those there are; another round of the same draw is the same."""
    true = data.draw(st.integers(0, size - 1))
    given_answer = answer(true, size, epsilon, draw)
    assert 0 <= given_answer < size
    truth, lie = weights(epsilon)
    assert answer(true, size, epsilon, draw + (truth + (size - 1) * lie) * 5) == given_answer


SHARE = 2**32  # of a lie; the truth's is e^epsilon times that, rounded down
DRAWN = 0x1B4E28BA2FA1411D9A2B8C0F6E7D3A5500112233445566778899AABBCCDDEEFF


@pytest.mark.parametrize(
    ("true", "size", "epsilon", "draw", "given"),
    [
        (1, 2, 0.1, 4_746_672_948, 1),
        (1, 2, 0.1, 4_746_672_949, 0),
        (0, 2, 1.0, 11_674_931_553, 0),
        (0, 2, 1.0, 11_674_931_554, 1),
        (0, 2, 1.0, 11_674_931_554 + SHARE, 0),  # the next round
        (1, 3, 2.0, 31_735_754_292, 1),
        (1, 3, 2.0, 31_735_754_293, 0),
        (1, 3, 2.0, 31_735_754_293 + SHARE - 1, 0),
        (1, 3, 2.0, 31_735_754_293 + SHARE, 2),
        (0, 2, 0.1, 2**256 - 1, 1),
        (0, 2, 0.1, DRAWN, 0),
        (1, 3, 1.0, DRAWN, 2),
        (4, 5, 2.0, DRAWN, 4),
        (0, 20, 1.0, 2**256 - 1, 7),
        (0, 20, 1.0, DRAWN, 14),
    ],
)  # fmt: skip
def test_answers_are_for_ever(true: int, size: int, epsilon: float, draw: int, given: int) -> None:
    """From version to version the same draw is the same answer: else an update would ask every installation anew."""
    assert answer(true, size, epsilon, draw) == given


def test_the_remainder_favours_nothing_worth_speaking_of() -> None:
    """Of the draws, those beyond the last whole round are fewer than one part in 2^190, with a thousand choices too."""
    truth, lie = weights(10.0)
    total = truth + 1000 * lie
    assert Fraction(total, 2**DRAW_BITS) < Fraction(1, 2**190)


def bound(row: Conversion, salt: bytes, event: str = "search", field: str = "kind") -> Callable[[object], Any]:
    """A row of one field, answered by an installation with this salt."""
    return row.bind(
        event,
        field,
        lambda *place: pseudonym(salt, place[0], place[1], "2026-11", place[2]),
        lambda *place: drawn(salt, *place),
    )


def salts(number: int, seed: int = 1) -> list[bytes]:
    """The salts of so many installations."""
    source = random.Random(seed)
    return [source.randbytes(32) for _ in range(number)]


def chi_square(counts: "Counter[Any]", shares: dict[Any, float]) -> float:
    """How far counts are from these shares."""
    number = counts.total()
    assert set(counts) <= set(shares)
    return sum((counts[key] - number * share) ** 2 / (number * share) for key, share in shares.items())


@pytest.mark.parametrize(
    ("row", "truths"),
    [
        (Boolean(epsilon=1.0), (True, False)),
        (Boolean(epsilon=0.1), (True, False)),
        (OneOf("json", "table", "text", epsilon=2.0), ("json", "table", "text", "other")),
        (OneOf("json", "other", epsilon=0.5), ("json", "other")),
    ],
    ids=lambda each: type(each).__name__,
)
def test_over_many_installations(row: Conversion, truths: tuple[Any, ...]) -> None:
    """Each truth's answers are spread as they should, and the bound holds for what is counted, too."""
    assert row.epsilon is not None
    truth, lie = probabilities(len(truths), row.epsilon)
    counts = {true: Counter(bound(row, salt)(true) for salt in salts(4000)) for true in truths}
    for true, found in counts.items():
        shares = {key: truth if key == true else lie for key in truths}
        assert chi_square(found, shares) < CHI_SQUARE[len(truths) - 1]
    for one, other, key in itertools.product(truths, repeat=3):
        slack = 4 / math.sqrt(counts[other][key])
        assert counts[one][key] / counts[other][key] < math.exp(row.epsilon) * (1 + slack)


@pytest.mark.parametrize("shift", [0, 4, 32, 128, 252])
def test_lots_are_uniform(shift: int) -> None:
    """Over installations any four bits of a lot are as likely as any other four."""
    found = Counter(drawn(salt, "search", "kind", b"json") >> shift & 15 for salt in salts(8000, shift))
    assert chi_square(found, dict.fromkeys(range(16), 1 / 16)) < CHI_SQUARE[15]


def test_a_lot_is_of_its_place() -> None:
    """Another salt, event, field or message is another lot, no part of one runs into the next, and none is a hash."""
    salt = salts(1)[0]
    places = [
        (salt, "search", "kind", b"json"),
        (salts(2)[1], "search", "kind", b"json"),
        (salt, "open", "kind", b"json"),
        (salt, "search", "sort", b"json"),
        (salt, "search", "kind", b"text"),
        (salt, "searchk", "ind", b"json"),
        (salt, "search", "kindj", b"son"),
        (salt, "", "kind", b"json"),
    ]
    lots = [drawn(*place) for place in places]
    assert len(set(lots)) == len(lots)
    assert all(0 <= lot < 2**DRAW_BITS for lot in lots)
    assert [drawn(*place) for place in places] == lots
    # The message of a hash in this place and month, given to be drawn, has nothing of that hash.
    hashed = pseudonym(salt, "search", "kind", "2026-11", b"json")
    assert hashed not in f"{drawn(salt, 'search', 'kind', b'2026-11' + bytes(1) + b'json'):064x}"


def agreement(one: Callable[[bytes], Any], other: Callable[[bytes], Any], number: int = 600) -> float:
    """How many installations of a hundred give the same answer to both."""
    return 100 * sum(one(salt) == other(salt) for salt in salts(number)) / number


def test_answers_to_different_questions_are_independent() -> None:
    """Another event, field, epsilon, set of choices or truth is a draw of its own; another order of choices is not."""
    row, true = OneOf("json", "table", epsilon=0.5), "json"

    def kept(salt: bytes) -> Any:
        return bound(row, salt)(true)

    assert agreement(kept, kept) == 100
    assert agreement(kept, lambda salt: bound(OneOf("table", "json", epsilon=0.5), salt)(true)) == 100
    truth, lie = probabilities(3, 0.5)
    by_chance = 100 * (truth**2 + 2 * lie**2)  # about 35
    for other in (
        lambda salt: bound(row, salt, event="open")(true),
        lambda salt: bound(row, salt, field="sort")(true),
        lambda salt: bound(OneOf("json", "table", epsilon=0.500001), salt)(true),
        lambda salt: bound(OneOf("json", "text", epsilon=0.5), salt)(true).replace("text", "table"),
    ):
        assert agreement(kept, other) == pytest.approx(by_chance, abs=8)  # four standard errors
    both = 100 * (2 * truth * lie + lie**2)  # of two truths: each the other's, or both the third
    assert agreement(kept, lambda salt: bound(row, salt)("table")) == pytest.approx(both, abs=8)


def test_what_a_lot_is_drawn_for() -> None:
    """Epsilon, each choice and the truth are in the message of which the lot is made, each apart from the next."""
    messages = []
    for row in (OneOf("b", "a", epsilon=0.5), OneOf("a", "b", epsilon=1), OneOf("a", epsilon=1), Boolean(1)):
        asked = row.bind("search", "kind", lambda *_: "", lambda *place: messages.append(place) or 0)  # type: ignore[func-returns-value]
        asked("b")
    assert messages == [
        ("search", "kind", b"0.5\0a\0b\0other\0b"),
        ("search", "kind", b"1.0\0a\0b\0other\0b"),
        ("search", "kind", b"1.0\0a\0other\0other"),
        ("search", "kind", b"1.0\0False\0True\0True"),
    ]


def test_one_truth_has_one_answer() -> None:
    """However often it is asked, in this process or anew, an installation answers a truth as it did before."""
    row = OneOf("json", "table", "text", epsilon=0.1)
    for salt in salts(50):
        answers = [bound(row, salt) for _ in range(3)]
        for true in ("json", "table", "text", "other", "unknown", 5):
            assert len({each(true) for each in answers for _ in range(20)}) == 1
        assert answers[0]("unknown") == answers[0]("other") == answers[0](5)  # one truth, `other`


def test_what_is_answered() -> None:
    """The answer is to what the conversion makes of a value; None is False for a boolean, and nothing for a choice."""
    for salt in salts(50):
        asked = bound(Boolean(1.0), salt)
        assert asked([1]) is asked("x") is asked(True)
        assert asked(None) is asked("") is asked(False)
        assert type(asked(None)) is bool
    kind = OneOf("json", epsilon=1.0).bind("e", "f", lambda *_: pytest.fail("hashed"), lambda *_: pytest.fail("drawn"))
    assert kind(None) is None


def test_without_epsilon_nothing_is_drawn() -> None:
    """A row without epsilon is the plain conversion itself, at no cost more."""
    for row in (Boolean(), OneOf("json"), Count()):
        assert row.epsilon is None
        made = row.bind("e", "f", lambda *_: pytest.fail("hashed"), lambda *_: pytest.fail("drawn"))
        assert made == row.convert


def test_nothing_to_draw_from() -> None:
    """Where no lots are at hand a row by lot cannot be prepared: the event is dropped, and the truth does not leave."""
    declaration = Declaration({"search": {"kind": OneOf("json", epsilon=1.0)}})
    with pytest.raises(ValueError, match="needs an epsilon, and the salt of an installation"):
        Filter(declaration, "basic", lambda *_: "", lambda _: None).clean("search", {"kind": "json"})
    with pytest.raises(ZeroDivisionError):  # and whatever a draw raises passes
        Filter(declaration, "basic", lambda *_: "", lambda _: None, lambda *_: 1 // 0).clean("search", {"kind": "json"})


@pytest.mark.parametrize("epsilon", [0, -1, 0.009, 10.1, 10**400, math.nan, math.inf, -math.inf, "1", True, [1], 1j])
def test_wrong_epsilons(epsilon: Any) -> None:
    """Anything but a number from 0.01 to 10 is refused, in every spelling, by its name."""
    for make in (
        lambda: Boolean(epsilon),
        lambda: OneOf("json", epsilon=epsilon),
        lambda: Declaration({"search": {"n": {"boolean": {"epsilon": epsilon}}}}),
        lambda: Declaration({"search": {"n": {"one_of": ["json"], "epsilon": epsilon}}}),
        lambda: estimate({}, (True, False), epsilon),
    ):
        with pytest.raises(ValueError, match=r"epsilon must be a number from 0.01 to 10, not"):
            make()


def test_the_bounds_of_epsilon() -> None:
    """Both ends are legal, a whole number is the same as its float, and one answer alone cannot hide."""
    assert [Boolean(epsilon).epsilon for epsilon in (0.01, 10)] == [0.01, 10.0]
    assert type(OneOf("json", epsilon=1).epsilon) is float
    with pytest.raises(ValueError, match="epsilon needs at least two possible answers"):
        OneOf("other", epsilon=1)
    with pytest.raises(ValueError, match=r"event 'search', field 'n': count has no option 'epsilon'"):
        Declaration({"search": {"n": {"count": True, "epsilon": 1}}})


def test_names_of_errors_have_no_epsilon() -> None:
    """Those that an author adds to the built-in ones would not be drawn; a row of its own in `command` is."""
    with pytest.raises(ValueError, match=r"fields, field 'error': .* cannot have an epsilon"):
        Declaration(fields={"error": OneOf("MyError", epsilon=1)})
    row = Declaration({"command": {"error": OneOf("MyError", epsilon=1)}}).events["command"]["error"]
    assert isinstance(row, OneOf)
    assert row.epsilon == 1


def cleaned(declaration: Declaration, salt: bytes, event: str, properties: dict[str, Any]) -> Any:
    """What leaves of an event at an installation with this salt."""
    lose: Callable[[str], None] = pytest.fail
    filtered = Filter(declaration, "basic", lambda *_: "", lose, lambda *place: drawn(salt, *place))
    return filtered.clean(event, properties)


def test_a_common_field_is_one_question() -> None:
    """A row of `fields=` is answered alike by all events, legal names made up later too; own rows by each anew."""
    row = Boolean(epsilon=0.1)
    for declaration in (Declaration(fields={"proxy": row}), Declaration(fields={"net": {"proxy": row}})):
        given_value: Any = {"proxy": True} if "proxy" in declaration.fields else {"net": {"proxy": True}}
        for salt in salts(20):
            found = [cleaned(declaration, salt, event, given_value) for event in ("a", "b", "c", "command")]
            assert all(each == found[0] for each in found)
    own = Declaration({"a": {"proxy": row}, "b": {"proxy": row}, "c": {}}, {"proxy": Boolean(epsilon=0.1)})
    given_value = {"proxy": True}
    same = [
        cleaned(own, salt, "a", given_value) == cleaned(own, salt, "b", given_value)
        and cleaned(own, salt, "a", given_value) == cleaned(own, salt, "c", given_value)
        for salt in salts(100)
    ]
    assert 5 < sum(same) < 50  # a quarter of them by chance


def test_a_row_that_an_object_brings_is_of_its_event() -> None:
    """A row of an object's own is no common one, whatever is declared: it is answered by each event anew."""
    seen = []
    rows = Rows(Declaration(), "basic", lambda *_: "", pytest.fail, lambda *place: seen.append(place[:2]) or 0)  # type: ignore[func-returns-value]
    found, nothing = rows.own("search", {"x": Boolean(epsilon=1.0), "deep": {"y": Boolean(epsilon=1.0)}}, {})
    assert found["x"](True) is True
    assert found["deep"]({"y": True}) == {"y": True}
    assert seen == [("search", "x"), ("search", "deep/y")]
    assert nothing == {}


def test_a_nested_field_is_a_field_of_its_own() -> None:
    """A field of a declared mapping is answered by lot, and another one than its neighbour of the same name."""
    declaration = Declaration({"search": {"a": {"on": Boolean(0.1)}, "b": {"on": Boolean(0.1)}}})
    found = Counter(
        (left["a"]["on"], left["b"]["on"])
        for left in (
            cleaned(declaration, salt, "search", {"a": {"on": True}, "b": {"on": True}}) for salt in salts(300)
        )
    )
    assert set(found) == set(itertools.product((True, False), repeat=2))


def recorded(telemetry: Telemetry) -> list[Any]:
    """The properties on the log."""
    assert telemetry.flush(LONG)
    with open(telemetry.paths["log"]) as log:
        return [json.loads(line)["properties"] for line in log]


def test_an_installation_keeps_its_answers(
    make_telemetry: MakeTelemetry, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From one process to the next the answers are those of the salt; with a new salt they are drawn anew, and no file
    but the log and the salt is made.
    """
    monkeypatch.setattr(os, "urandom", random.Random(3).randbytes)
    directory = home / ".mytool/telemetry"
    answers = []
    for _ in range(12):
        for _ in range(2):
            telemetry = make_telemetry(
                events={"search": {"kind": OneOf("json", "table", epsilon=0.1), "on": Boolean(0.1)}}
            )
            for _ in range(3):
                telemetry.track("search", kind="json", on=True)
            recorded(telemetry)
            assert telemetry.close(LONG)
        *_, last = (found := recorded(telemetry)[-6:])
        assert found == [last] * 6
        key = bytes.fromhex((directory / "salt").read_text())
        assert last["kind"] == bound(OneOf("json", "table", epsilon=0.1), key)("json")
        answers.append((last["kind"], last["on"]))
        assert sorted(os.listdir(directory)) == ["delivery.json", "opt-in", "salt", "usage.jsonl"]
        (directory / "salt").unlink()
    assert len({kind for kind, _ in answers}) > 1
    assert len({on for _, on in answers}) > 1


def test_the_salt_is_made_at_the_first_answer(make_telemetry: MakeTelemetry, home: Path) -> None:
    """Where nothing is answered there is no salt, and without consent there is no file at all."""
    rows = {"kind": OneOf("json", epsilon=1.0), "n": Count()}
    off = make_telemetry(opted_in=False, events={"search": rows})
    off.track("search", kind="json")
    assert os.listdir(home) == []
    telemetry = make_telemetry(events={"search": rows})
    telemetry.track("search", kind=None, n=1)
    assert recorded(telemetry) == [{"n": 1}]
    assert not (home / ".mytool/telemetry/salt").exists()
    telemetry.track("search", kind="json")
    assert recorded(telemetry)[1]["kind"] in ("json", "other")
    assert (home / ".mytool/telemetry/salt").exists()


def test_without_a_salt_the_event_is_dropped(make_telemetry: MakeTelemetry, home: Path, swallowed: list[Any]) -> None:
    """Where the salt can be neither read nor made there is no answer, and never the truth in its place."""
    telemetry = make_telemetry(events={"search": {"on": Boolean(1.0), "n": Count()}})
    (home / ".mytool/telemetry/salt").mkdir()
    telemetry.track("search", on=True, n=1)
    telemetry.track("search", n=[1, 2])
    assert recorded(telemetry) == [{"n": 2}]
    assert [reason for reason, _ in swallowed] == ["conversion"]


def test_clear_forgets_the_answers(make_telemetry: MakeTelemetry, home: Path) -> None:
    """`clear` erases the salt, and so every answer that was drawn from it."""
    telemetry = make_telemetry(events={"search": {"on": Boolean(1.0)}})
    telemetry.track("search", on=True)
    recorded(telemetry)
    assert telemetry.close(LONG)
    assert telemetry.main(["clear", "--yes"]) == 0
    assert not (home / ".mytool/telemetry/salt").exists()


def answers_of(truths: dict[Any, int], epsilon: float, seed: int) -> "Counter[Any]":
    """What so many, each with a draw of its own, answer."""
    source = random.Random(seed)
    domain = list(truths)
    return Counter(
        domain[answer(domain.index(true), len(domain), epsilon, source.getrandbits(DRAW_BITS))]
        for true, number in truths.items()
        for _ in range(number)
    )


HUNDRED_THOUSAND: list[tuple[dict[Any, int], float]] = [
    ({True: 3_000, False: 97_000}, 0.1),
    ({True: 30_000, False: 70_000}, 1.0),
    ({True: 100_000, False: 0}, 4.0),
    ({"json": 60_000, "table": 39_000, "other": 1_000}, 0.5),
    ({"json": 100, "table": 900, "text": 9_000, "csv": 40_000, "other": 50_000}, 2.0),
    ({f"c{number:02}": 5_000 for number in range(20)}, 1.0),
    ({f"c{number:02}": 100_000 if number == 7 else 0 for number in range(20)}, 8.0),
]


def test_the_estimate_of_a_hundred_thousand() -> None:
    """From seeded answers the true counts are found within four of the standard errors that are stated, and these are
    neither too large nor too small: over all of them the errors are as large as stated.
    """
    squares = []
    for seed, (truths, epsilon) in enumerate(HUNDRED_THOUSAND):
        assert sum(truths.values()) == 100_000
        observed = answers_of(truths, epsilon, seed)
        found = estimate(observed, tuple(truths), epsilon)
        assert list(found) == list(truths)
        assert sum(guess for guess, _ in found.values()) == pytest.approx(100_000)
        for choice, (guess, error) in found.items():
            assert error > 0
            assert abs(guess - truths[choice]) < 4 * error, (epsilon, choice)
            squares.append(((guess - truths[choice]) / error) ** 2)
    assert 0.7 < sum(squares) / len(squares) < 1.3  # 55 squares, of 1 on average


def test_the_stated_error_is_that_of_repetition() -> None:
    """Asked two hundred times, the same population's estimates are spread as each of them says of itself."""
    truths = {"json": 300, "table": 600, "other": 100}
    found = [estimate(answers_of(truths, 1.5, seed), tuple(truths), 1.5) for seed in range(200)]
    for choice, true in truths.items():
        guesses = [each[choice][0] for each in found]
        mean = sum(guesses) / len(guesses)
        spread = math.sqrt(sum((guess - mean) ** 2 for guess in guesses) / (len(guesses) - 1))
        stated = sum(each[choice][1] for each in found) / len(found)
        assert abs(mean - true) < 4 * stated / math.sqrt(len(guesses))  # no bias
        assert spread == pytest.approx(stated, rel=0.2)  # the standard error of a spread of 200 is 5 %


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=30), st.floats(0.01, 10))
def test_the_estimate_inverts_the_answers(counts: list[int], epsilon: float) -> None:
    """What is observed on average gives the true counts back."""
    domain = [f"c{number}" for number in range(len(counts))]
    truth, lie = probabilities(len(counts), epsilon)
    number = sum(counts)
    observed: dict[str, Any] = {
        name: true * truth + (number - true) * lie for name, true in zip(domain, counts, strict=True)
    }
    found = estimate(observed, domain, epsilon)
    assert [guess for guess, _ in found.values()] == pytest.approx(counts, abs=1e-6 * (number + 1))
    assert all(error >= 0 for _, error in found.values())


def test_estimates_of_little() -> None:
    """Of nothing nothing is known without error; of little an estimate may be below nothing, and says how unsure."""
    assert estimate({}, ("json", "other"), 1.0) == {"json": (0.0, 0.0), "other": (0.0, 0.0)}
    found = estimate({"json": 0, "table": 1}, ("json", "table", "other"), 0.5)
    assert found["json"][0] < 0
    assert found["table"][0] > 1
    assert all(error > 1 for _, error in found.values())
    truth, lie = probabilities(3, 0.5)  # its error is that of nothing, or of all
    assert found["json"][1] == pytest.approx(math.sqrt(lie * (1 - lie)) / (truth - lie))
    assert found["table"][1] == pytest.approx(math.sqrt(truth * (1 - truth)) / (truth - lie))


def test_what_cannot_be_estimated() -> None:
    """Answers of another row, and rows that are not by lot, are refused: a figure would be wrong without a sign."""
    with pytest.raises(ValueError, match="'yaml' is not among the possible answers"):
        estimate({"yaml": 3}, ("json", "other"), 1.0)
    with pytest.raises(ValueError, match="at least two"):
        estimate({"json": 3}, ("json", "json"), 1.0)
    with pytest.raises(ValueError, match="epsilon must be a number"):
        estimate({"json": 3}, ("json", "other"), None)  # type: ignore[arg-type]  # the point of it


def test_a_row_knows_its_answers() -> None:
    """What `estimate` is to be given of a row: its answers in the order of the declaration, `other` among them once."""
    assert Boolean(1.0).domain == (False, True)
    assert OneOf("json", "a", epsilon=1.0).domain == ("json", "a", "other")
    assert OneOf("other", "a").domain == ("other", "a")
    assert Count().domain == ()
