"""The page: what stands on it, how wide it is, and what can never be on it."""

import pytest

from discreet.report.summarize import OTHERS, Durations, Row, Summary
from discreet.report.text import NARROWEST, RECENT, duration, render, safe

BEGIN = "mytool telemetry on"


def timed(*milliseconds: float) -> Durations:
    """Durations with these in them."""
    durations = Durations()
    for value in milliseconds:
        durations.add(value)
    return durations


def example() -> Summary:
    """A small log, summarized."""
    return Summary(
        total=1247,
        first="2026-11-19",
        last="2026-11-20",
        rows={
            "search": Row(count=44, durations=timed(120, 120, 130)),
            "command import.from_code": Row(count=1200, ok=1198, failed=2, durations=timed(4280)),
            "session": Row(count=3),
        },
        versions={"1.3.2": 47, "1.4.0": 1200},
        systems={"linux": 1247},
        pythons={"3.11.7": 1247},
        days={"2026-11-20": 1000, "2026-11-19": 247},
    )


PAGE = """\
1,247 events from 2026-11-19 to 2026-11-20

event                      runs     ok  failed    mean  median     p95
command import.from_code  1,200  1,198       2   4.3 s   4.3 s   4.3 s
search                       44      -       -  123 ms  120 ms  130 ms
session                       3      -       -       -       -       -

versions  1.4.0 (1,200), 1.3.2 (47)
systems   linux (1,247)
python    3.11.7 (1,247)

day (UTC)   events
2026-11-19     247
2026-11-20   1,000

3 lines of the log could not be used: 2 torn, 1 foreign."""


def test_the_page() -> None:
    """The whole page of a small log, byte for byte: order, alignment, units, what is unknown."""
    assert render(example(), 80, BEGIN, {"torn": 2, "foreign": 1, "too long": 0}) == PAGE


def test_a_page_without_losses_does_not_mention_them() -> None:
    """Nothing skipped, nothing said."""
    assert render(example(), 80, BEGIN, {"torn": 0}) == render(example(), 80, BEGIN) == PAGE.rpartition("\n\n")[0]


def test_an_empty_log_says_what_to_type() -> None:
    """Where nothing is recorded, the page is the command that begins, on a line of its own to be copied."""
    assert render(Summary(), 80, BEGIN) == "Nothing is recorded yet. To begin, type:\nmytool telemetry on"


def test_a_log_of_lost_lines_says_so() -> None:
    """A log of which no line could be used is not passed off as an empty one."""
    page = render(Summary(), 80, BEGIN, {"torn": 1})
    assert page.startswith("Nothing is recorded yet.")
    assert page.endswith("1 line of the log could not be used: 1 torn.")


def test_one_event_on_one_day() -> None:
    """A period of one day is a day, and one event is not plural."""
    summary = Summary(total=1, first="2026-11-20", last="2026-11-20", rows={"a": Row(1)}, days={"2026-11-20": 1})
    assert render(summary, 80, BEGIN).startswith("1 event on 2026-11-20\n")


def hostile() -> Summary:
    """A summary with every text as foul and every number as large as it can be."""
    foul = [
        "\x1b[2J\x1b]0;owned\x07",
        "a\nb\r\tc",
        "\u202egnp.exe",
        "\ud800",
        "\x9b31m",
        "漢字" * 60,
        "é\u0301",
        "\\x1b",
    ]
    counts = {text: 10**9 - number for number, text in enumerate(foul + ["x" * 256 + str(n) for n in range(10)])}
    row = Row(10**13, 10**13, 10**13, timed(2.0**53))
    return Summary(
        total=10**13,
        first=foul[0],
        last=foul[1],
        rows=dict.fromkeys(counts, row),
        versions=counts,
        systems=counts,
        pythons=counts,
        days=dict.fromkeys((f"2026-11-{day:02}" for day in range(1, 29)), 10**11),
    )


@pytest.mark.parametrize("summary", [example(), hostile(), Summary()], ids=["small", "hostile", "empty"])
def test_nothing_is_wider_than_the_page(summary: Summary) -> None:
    """At every width from the narrowest on, no line is wider; a width below it, even a negative one, counts as it."""
    for width in range(NARROWEST, 200):
        page = render(summary, width, "a" * 64 + " telemetry on", {"torn": 10**9, "foreign": 10**9, "too long": 10**9})
        assert max(map(len, page.splitlines())) <= width
    assert render(summary, -1, BEGIN) == render(summary, 0, BEGIN) == render(summary, NARROWEST, BEGIN)


def test_nothing_but_printable_ascii_reaches_the_terminal() -> None:
    """No control, escape, bidirectional, wide or half character gets through, from the log, a reason or the command."""
    summary = hostile()
    summary.days = {"\x1b[2J": 1}
    page = render(summary, 100, "\x1b[31mtool", {"\x1b[0m\n": 3}) + render(Summary(), 100, "\x1b[31mtool")
    assert {character for character in page if not " " <= character <= "~"} == {"\n"}
    assert "\\x1b[2J" in page  # shown as what it is, not dropped


@pytest.mark.parametrize("code", [*range(0x20), 0x5C, *range(0x7F, 0x100), 0x200E, 0x2028, 0x202E, 0xD800, 0x1F600])
def test_safe_escapes_and_hides_nothing(code: int) -> None:
    """A dangerous character becomes an escape that names it, so that two texts never look the same."""
    shown = safe(chr(code))
    assert shown.startswith("\\")
    assert shown.encode("ascii").decode("unicode_escape") == chr(code)


def test_safe_leaves_plain_text_alone() -> None:
    """Printable ASCII, the backslash aside, stays as it is."""
    plain = "".join(map(chr, range(0x20, 0x7F))).replace("\\", "")
    assert safe(plain) == plain


def test_a_narrow_page_leaves_out_figures_from_the_right() -> None:
    """The name and the runs come first; what is left out is left out of every row."""
    titles = [
        next(line for line in render(example(), width, BEGIN).splitlines() if line.startswith("event")).split()
        for width in (80, 60, 45, 30)
    ]
    assert titles == [
        ["event", "runs", "ok", "failed", "mean", "median", "p95"],
        ["event", "runs", "ok", "failed", "mean", "median"],
        ["event", "runs", "ok", "failed"],
        ["event", "runs", "ok"],
    ]
    assert "\nevent                     runs\n" in render(hostile(), NARROWEST, BEGIN)  # the runs stay, at any length


def test_columns_are_aligned() -> None:
    """Every line of a table is as long as its heading, at any width."""
    for width in (30, 45, 80, 120):
        lines = render(example(), width, BEGIN).split("\n\n")[1].splitlines()
        assert len({len(line) for line in lines}) == 1


def test_a_name_too_long_is_cut_visibly() -> None:
    """A name that has no room ends in three dots."""
    assert "\ncommand impor...  1,200  1,198\n" in render(example(), NARROWEST, BEGIN)


def test_the_rest_is_one_sum() -> None:
    """Beyond eight versions the rest is added up, what the summary had no room for included, and comes last."""
    versions = {OTHERS: 1000, **{f"1.{n}": 100 - n for n in range(12)}}
    summary = Summary(
        total=1, first="2026-11-20", last="2026-11-20", rows={OTHERS: Row(9), "a": Row(1)}, versions=versions
    )
    page = render(summary, 200, BEGIN)
    assert "1.7 (93), others (1,362)" in page
    assert "1.8" not in page
    assert page.index("\na ") < page.index(OTHERS)


def test_a_long_list_is_continued_below_its_beginning() -> None:
    """Versions that do not fit one line go on under the first of them, and none is parted from its count."""
    summary = example()
    summary.versions = {f"1.{n}.0": 9 for n in range(8)}
    lines = render(summary, 40, BEGIN).split("\n\n")[2].splitlines()
    assert lines[:3] == [
        "versions  1.0.0 (9), 1.1.0 (9),",
        "          1.2.0 (9), 1.3.0 (9),",
        "          1.4.0 (9), 1.5.0 (9),",
    ]


def test_only_the_last_days_are_named() -> None:
    """The last two weeks stand by day, in order, and what came before is one line above them."""
    days = {OTHERS: 5, **{f"2026-10-{day:02}": 1 for day in range(31, 0, -1)}}
    summary = Summary(total=36, first="2026-10-01", last="2026-10-31", rows={"a": Row(36)}, days=days)
    table = render(summary, 80, BEGIN).split("\n\n")[-1].splitlines()
    assert table[1].split() == ["earlier", "22"]
    assert [line.split()[0] for line in table[2:]] == [f"2026-10-{day}" for day in range(32 - RECENT, 32)]


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
