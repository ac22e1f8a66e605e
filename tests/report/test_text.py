"""The report as text: what stands on it, how wide it is, and what can never be on it."""

import math
import re
from typing import Any

import pytest

from discreet.privacy.conversions import Number
from discreet.privacy.declaration import Declaration
from discreet.report.columns import width as columns
from discreet.report.document import Document, document
from discreet.report.summarize import OTHERS, ROWS, Summary
from discreet.report.text import FIELDS, NARROWEST, Style, render
from report.test_document import DECLARED
from report.test_summarize import record, summed

BEGIN = "mytool telemetry on"
PLAIN, BLOCKS, COLOURS = Style(80), Style(80, blocks=True), Style(80, blocks=True, colour=True)
UNICODE = Style(80, blocks=True, encoding="utf-8")
SGR = re.compile(r"\x1b\[[0-9;]*m")


def example() -> Document:
    """A small log."""
    log = [
        record("command", "2026-11-20", command="import.from_code", success=n >= 2, duration_ms=4280) for n in range(12)
    ]
    log += [record("search", "2026-11-18", ms=ms, fmt="json", results=ms) for ms in (120, 120, 130, 90)]
    log += [record("session", "2026-11-18", lang={"py": 3, "js": 1})]
    log += [record("rare", "2026-11-20", sample_rate=0.25, private=True)]
    return document(summed(log), None, {"torn": 2, "foreign": 1, "too long": 0})


PAGE = """\
18 events from 2026-11-18 to 2026-11-20, of about 21 +- 3 that happened
10 of 12 succeeded (83 %), the others do not say.

event                     runs   about  ok  failed    mean  median     p95
command import.from_code    12       -  10       2   4.3 s   4.3 s   4.3 s
rare                         1  4 +- 3   -       -       -       -       -
search                       4       -   -       -  115 ms  120 ms  130 ms
session                      1       -   -       -       -       -       -

day (UTC)   events, about
2026-11-18              5  ############
2026-11-19              0
2026-11-20             16  ########################################

versions  1.4.0 (18)
systems   linux (18)
python    3.11.7 (18)

rare: private  values
  yes               1  100 %  ########################################

search: fmt  values
  json            4  100 %  ########################################

search: results
  4 numbers from 90 to 130: mean 115, median 120, p95 130

session: lang  items
  py               3  75 %  ########################################
  js               1  25 %  #############

3 lines of the log could not be used: 2 torn, 1 foreign."""


def test_the_page() -> None:
    """The whole page of a small log, byte for byte: order, alignment, units, bars, what is unknown."""
    assert render(example(), PLAIN, BEGIN) == PAGE


def test_with_blocks() -> None:
    """Where there are blocks, a bar has eighths, what failed is shaded, and nothing else differs but the sign."""
    page = render(example(), Style(100, blocks=True), BEGIN)
    assert (
        "command import.from_code    12      -  10       2   4.3 s   4.3 s   4.3 s  █████████████████████░░░░" in page
    )
    assert "2026-11-18              5  ████████████▌" in page
    plain = render(example(), Style(100), BEGIN)
    bars = re.compile("[#x▉▊▋▌▍▎▏█░]+$", re.MULTILINE)
    assert bars.sub("", page).replace("±", "+-").split() == bars.sub("", plain).split()


def test_colours_change_nothing_but_colour() -> None:
    """Without its escapes the page in colours is the page, and what failed has a colour of its own."""
    page = render(example(), COLOURS, BEGIN)
    assert SGR.sub("", page) == render(example(), BLOCKS, BEGIN)
    assert "\x1b[31m" in render(example(), Style(100, blocks=True, colour=True), BEGIN)
    assert "\x1b" not in render(example(), BLOCKS, BEGIN)
    assert "\n\x1b[1mday (UTC)   events, about\x1b[0m\n" in page


def test_bars_have_one_scale_and_begin_at_zero() -> None:
    """The longest bar is the largest value, half the value is half the bar, and nothing is no bar."""
    days = [record(day="2026-11-01")] * 8 + [record(day="2026-11-02")] * 4 + [record(day="2026-11-04")]
    lines = render(document(summed(days)), BLOCKS, BEGIN).split("\n\n")[2].splitlines()
    assert [line[18:].strip() for line in lines[1:]] == ["█" * 40, "█" * 20, "", "█" * 5]
    days = [record(day="2026-11-01")] * 3 + [record(day="2026-11-02")] * 2
    lines = render(document(summed(days)), PLAIN, BEGIN).split("\n\n")[2].splitlines()
    assert [line[18:].strip() for line in lines[1:]] == ["#" * 40, "#" * 27]  # and not 26, which is as far from it


def test_an_estimate_below_nothing_has_no_bar() -> None:
    """Of few answers by lot it may be one."""
    found = document(summed([record(private=True)]), DECLARED)
    found["fields"][0]["values"] = [
        {"value": True, "count": 9, "estimate": {"value": 10.0, "error": 9.0}},
        {"value": False, "count": 1, "estimate": {"value": -1.3, "error": 9.0}},
    ]
    for style in (PLAIN, BLOCKS):
        assert re.search(r"\n  no +1  10 % +-1 \S+ 9\n", render(found, style, BEGIN))
    log = [record(lang={**{f"k{n}": 10 + n for n in range(8)}, "y": -3, "z": -4})]  # a log may say anything
    assert re.search(r"\n  others +-7 +<1 %$", render(document(summed(log), DECLARED), BLOCKS, BEGIN))


def test_no_bar_of_what_is_no_number() -> None:
    """An estimate beyond all numbers, or none, is no error."""
    for value in (math.inf, math.nan):
        found = example()
        found["rows"][0]["estimate"] = found["rows"][1]["estimate"] = {"value": value, "error": value}
        assert "\ncommand import.from_code " in render(found, Style(120, blocks=True), BEGIN)


def test_what_failed_of_a_sampled_event_is_as_long_as_all_that_failed() -> None:
    """The bar is of what happened, so its part is."""
    page = render(document(summed([record(sample_rate=0.25, success=False)] * 4)), Style(100), BEGIN)
    assert re.search("\nsearch .*  x{39,40}\n", page)


def test_a_bar_with_something_bad_has_no_part_of_a_block() -> None:
    """The shade would stand beside a gap."""
    log = [*(record("a", success=True) for _ in range(7)), *(record("b", success=n > 0) for n in range(3))]
    table = render(document(summed(log)), Style(120, blocks=True), BEGIN).split("\n\n")[1]
    assert re.search(r"  \u2588+\n.*  \u2588+\u2591+$", table)


def test_an_answer_by_lot_is_told_as_an_estimate() -> None:
    """Beside the answers stands what they tell of the truth, with its standard error, and a sentence."""
    log = [record(private=n % 10 < 6) for n in range(1000)]
    page = render(document(summed(log), DECLARED), PLAIN, BEGIN)
    assert re.search(r"yes +600  60 %  716 \+- 3\d  #+\n", page)
    assert "\n  answered by lot, epsilon 1: estimated is how many gave this answer in truth," in page


def test_an_answer_that_is_none_has_no_estimate() -> None:
    """A choice that a later version gave up, or a forged line, is counted and nothing more."""
    log = [*(record(private=n % 10 < 6) for n in range(1000)), *(record(private="maybe") for _ in range(100))]
    page = render(document(summed(log), DECLARED), PLAIN, BEGIN)
    assert re.search(r"yes +600  55 %  716 \+- 3\d  #+\n", page)
    assert re.search(r"maybe +100   9 % +-  #+\n", page)


def test_pseudonyms_are_counted() -> None:
    """Of digests only how many there are is shown."""
    page = render(document(summed(record(who=f"{n:016x}") for n in range(30)), DECLARED), PLAIN, BEGIN)
    assert "search: who: 30 values, different ones: 30" in page
    assert "0000" not in page
    many = document(summed(record(who=f"{n:016x}") for n in range(ROWS + 9)), DECLARED)
    assert "different ones: too many to tell" in render(many, PLAIN, BEGIN)


def test_a_page_without_losses_does_not_mention_them() -> None:
    """Nothing skipped, nothing said."""
    found = example()
    found["skipped"] = {}
    assert render(found, PLAIN, BEGIN) == PAGE.rpartition("\n\n")[0]


def test_an_empty_log_says_what_to_type() -> None:
    """Where nothing is recorded, the page is the command that begins, on a line of its own to be copied."""
    assert render(document(Summary()), PLAIN, BEGIN) == f"Nothing is recorded yet. To begin, type:\n{BEGIN}"


def test_an_empty_log_says_what_it_is_told() -> None:
    """Who knows better than that nothing is recorded says it, and then there is nothing to type."""
    told = "There is no record in these files."
    assert render(document(Summary()), PLAIN, nothing=told) == told


def test_a_log_of_lost_lines_says_so() -> None:
    """A log of which no line could be used is not passed off as an empty one."""
    page = render(document(Summary(), None, {"torn": 1}), PLAIN, BEGIN)
    assert page.startswith("Nothing is recorded yet.")
    assert page.endswith("1 line of the log could not be used: 1 torn.")


def test_one_event_on_one_day() -> None:
    """A period of one day is a day, and one event is not plural."""
    assert render(document(summed([record()])), PLAIN, BEGIN).startswith("1 event on 2026-11-20\n")
    page = render(document(summed([record(success=True)])), PLAIN, BEGIN)
    found = document(summed([record()]))
    found["first"] = found["last"] = None
    assert render(found, PLAIN, BEGIN).startswith(f"1 event on {OTHERS}\n")
    assert page.startswith("1 event on 2026-11-20\n1 of 1 succeeded (100 %).\n")  # there are no others


def test_a_chart_takes_the_place_of_the_table_of_days() -> None:
    """With a chart there are no days in lines, and all else is there."""
    page = render(example(), PLAIN, BEGIN, "THE CHART")
    assert "\n\nTHE CHART\n\nversions" in page
    assert "day (UTC)" not in page


FOUL = ["\x1b[2J\x1b]0;owned\x07", "a\nb\r\tc", "\u202egnp.exe", "\ud800", "\x9b31m", "漢字" * 60, "é\u0301", "\\x1b"]


def hostile() -> Document:
    """A document with every text as foul and every number as large as it can be."""
    values = [
        {"value": text, "count": 10**13, "estimate": {"value": -(10**13), "error": 10.0**9}}
        for text in [*FOUL, *("x" * 256 + str(n) for n in range(10)), OTHERS]
    ]
    times = dict.fromkeys(("count", "mean", "low", "median", "p95", "high", "sum"), 2.0**53)
    return {
        "events": 10**13,
        "by": "x" * 64,
        "estimate": {"value": 10.0**18, "error": 10.0**18},
        "first": FOUL[0],
        "last": FOUL[1],
        "rows": [
            {
                "event": text,
                "command": FOUL[0],
                "by": text,
                "count": 10**13,
                "ok": 10**13,
                "failed": 10**13,
                "estimate": {"value": 10.0**18, "error": 10.0**18} if at % 2 else None,
                "duration_ms": times,
            }
            for at, text in enumerate([*FOUL, "x" * 64])
        ],
        "days": [{"day": f"2026-11-{day:02}", "count": 10**11, "estimate": None} for day in range(1, 29)],
        **dict.fromkeys(("tools", "versions", "systems", "pythons"), values),
        "fields": [
            {
                "event": FOUL[0],
                "field": text,
                "kind": kind,
                "count": 10**13,
                "epsilon": epsilon,
                "values": values,
                **more,
            }
            for text in FOUL
            for kind, epsilon, more in (
                ("choice", 1.0, {}),
                ("items", None, {}),
                ("number", None, {"numbers": times}),
                ("hash", None, {"different": None}),
            )
        ],
        "skipped": {"torn": 10**9, "foreign": 10**9, FOUL[0]: 10**9},
    }


DOCUMENTS = {"small": example, "hostile": hostile, "empty": lambda: document(Summary())}


@pytest.mark.parametrize("found", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_nothing_is_wider_than_the_page(found: Any, blocks: bool, encoding: str) -> None:
    """At every width from the narrowest on, no line is wider; a width below it, even a negative one, counts as it."""
    held = found()
    for width in range(NARROWEST, 200, 1 if held["events"] < 100 else 7):
        page = render(held, Style(width, blocks, encoding=encoding), "a" * 64 + " telemetry on")
        assert max(map(columns, page.splitlines())) <= width
    assert render(held, Style(-1), BEGIN) == render(held, Style(0), BEGIN) == render(held, Style(NARROWEST), BEGIN)


@pytest.mark.parametrize("style", [PLAIN, BLOCKS, COLOURS])
def test_nothing_that_a_terminal_obeys_reaches_it(style: Style) -> None:
    """No control, escape, bidirectional or half character gets through: only ASCII, our blocks and colours."""
    page = render(hostile(), style, "\x1b[31mtool") + render(document(Summary()), style, "\x1b[31mtool")
    allowed = {"\n", *("▏▎▍▌▋▊▉█░±" if style.blocks else "")}
    if style.colour:
        assert set(SGR.findall(page)) <= {"\x1b[36m", "\x1b[31m", "\x1b[1m", "\x1b[0m"}
        page = SGR.sub("", page)
    assert {character for character in page if not " " <= character <= "~"} <= allowed
    assert "\\x1b[2J" in page  # shown as what it is, not dropped


def test_nothing_that_a_terminal_obeys_is_a_letter() -> None:
    """Where stdout has all letters they stay, and what is none is an escape all the same."""
    page = render(hostile(), UNICODE, "\x1b[31mtool \u202e")
    assert page.replace("\n", "").isprintable()
    assert "\u6f22\u5b57" in page  # Chinese
    for escape in ("\\x1b[2J", "\\u202egnp.exe", "\\ud800", "\\x9b31m", "\\\\x1b"):
        assert escape in page


def test_columns_are_those_of_the_terminal() -> None:
    """Letters that stdout has are shown as they are, and wide ones and marks leave the figures in their columns."""
    log = [record(fmt=fmt) for fmt in ("json", "gr\xf6\xdfe", "\u65e5\u672c\u8a9e" * 3, "e\u0301te\u0301")]
    table = render(document(summed(log)), UNICODE, BEGIN).split("\n\n")[-1].splitlines()
    assert len({columns(line.partition("1  25 %")[0]) for line in table[1:]}) == 1
    assert any(line.startswith("  " + "\u65e5\u672c\u8a9e" * 3 + "  ") for line in table)
    escaped = render(document(summed(log)), BLOCKS, BEGIN)
    assert "gr\\xf6\\xdfe" in escaped
    latin = render(document(summed(log)), Style(80, encoding="latin-1"), BEGIN)
    assert "gr\xf6\xdfe" in latin
    assert "\\u65e5" in latin


def test_a_page_has_an_end() -> None:
    """Fields beyond `FIELDS` are counted, not shown."""
    page = render(document(summed([record(**{f"f{n}": n for n in range(FIELDS + 5)})])), PLAIN, BEGIN)
    assert page.count("search: f") == FIELDS
    assert "5 fields more: see --html" in page


def test_a_narrow_page_leaves_out_figures_from_the_right() -> None:
    """The name and the runs come first; what is left out is left out of every row."""
    log = [record("command", command="import.from_code", success=True, duration_ms=4280)] * 1200 + [record()]
    found = document(summed(log))
    titles = [
        next(line for line in render(found, Style(width), BEGIN).splitlines() if line.startswith("event")).split()
        for width in (80, 58, 44, 30)
    ]
    assert titles == [
        ["event", "runs", "ok", "failed", "mean", "median", "p95"],
        ["event", "runs", "ok", "failed", "mean", "median"],
        ["event", "runs", "ok", "failed"],
        ["event", "runs", "ok"],
    ]
    assert "\ncommand impor...  1,200  1,200\n" in render(found, Style(NARROWEST), BEGIN)


def test_bars_come_after_all_figures() -> None:
    """There is none beside figures that were left out; what is left is eight columns at least, and forty at most."""
    log = [record("command", command="sync", success=True, duration_ms=86_400_000 * 365), record()]
    longest: dict[int, int] = {}
    for width in range(NARROWEST, 110):
        table = render(document(summed(log)), Style(width), BEGIN).split("\n\n")[1]
        longest[width] = max(map(len, re.findall("#+", table)), default=0)
        assert not longest[width] or "p95" in table
    assert list(dict.fromkeys(longest.values())) == [0, *range(8, 41)]
    found = document(summed([record(private=True)]), DECLARED)
    found["fields"][0]["values"] = [
        {"value": value, "count": 10**6, "estimate": {"value": 10.0**6, "error": 10.0**5}} for value in (True, False)
    ]
    for width in range(NARROWEST, 80):
        table = render(found, Style(width), BEGIN).rpartition("\n\n")[2]
        assert "#" not in table or "estimated" in table.splitlines()[0]


def test_the_rest_is_one_sum() -> None:
    """Beyond eight versions the rest is added up, what the summary had no room for included, and comes last."""
    found = example()
    versions = [(OTHERS, 1000), *((f"1.{n}", 100 - n) for n in range(12))]
    found["versions"] = [{"value": value, "count": count, "estimate": None} for value, count in versions]
    page = render(found, Style(200), BEGIN)
    assert "1.7 (93), others (1,362)" in page
    assert "1.8" not in page


def test_a_long_list_is_continued_below_its_beginning() -> None:
    """Versions that do not fit one line go on under the first of them, and none is parted from its count."""
    found = example()
    found["versions"] = [{"value": f"1.{n}.0", "count": 9, "estimate": None} for n in range(8)]
    lines = render(found, Style(40), BEGIN).split("\n\n")[3].splitlines()
    assert lines[:3] == [
        "versions  1.0.0 (9), 1.1.0 (9),",
        "          1.2.0 (9), 1.3.0 (9),",
        "          1.4.0 (9), 1.5.0 (9),",
    ]


def test_several_tools_are_told_apart() -> None:
    """Files of several tools say so; one tool need not."""
    page = render(document(summed([record(), {**record(), "tool": "other"}])), PLAIN, BEGIN)
    assert "tools     mytool (1), other (1)\n" in page
    assert "tools" not in PAGE


def test_a_long_time_is_shown_in_spans() -> None:
    """More than four weeks are shown by the week, and every event is in one of them."""
    log = [record(day=f"2026-10-{day:02}") for day in range(1, 32)]
    table = render(document(summed(log)), PLAIN, BEGIN).split("\n\n")[2].splitlines()
    assert table[0].split() == ["week,", "from", "events"]
    assert table[1].split()[0] == "2026-10-01"  # not before the first event
    assert sum(int(line.split()[1]) for line in table[1:]) == 31


def test_the_field_that_rows_go_by_is_named() -> None:
    """The heading names it, and a value that the row is called by already is not said twice."""
    log = [record("command", command="sync"), record(fmt="json")]
    page = render(document(summed(log, "command")), PLAIN, BEGIN)
    assert page.split("\n\n")[1].startswith("event, command ")
    assert "\ncommand sync  " in page
    assert "\nsearch, (none) " in page
    assert "\nevent, fmt " in render(document(summed(log, "fmt")), PLAIN, BEGIN)


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_value_that_is_asked_for_is_not_cut_off(width: int) -> None:
    """Three rows of one long name would else read the same."""
    log = [record("command", command="import.from_a_long_name", fmt=fmt, ms=9000) for fmt in ("json", "table", "yaml")]
    page = render(document(summed(log, "fmt")), Style(width), BEGIN)
    assert all(f", {fmt}  " in page for fmt in ("json", "table", "yaml"))
    assert page.count("\ncommand impor") == 3  # figures are left out before so much of a name is
    assert max(map(len, page.splitlines())) <= width


def test_a_long_value_that_is_asked_for_is_cut_off() -> None:
    """It is not to push the name out."""
    page = render(document(summed([record("command", command="sync", fmt="x" * 60)], "fmt")), PLAIN, BEGIN)
    assert f"\ncommand sync, {'x' * 19}...  " in page


def test_what_was_asked_for_is_said() -> None:
    """Passed on, a part reads as all of it otherwise."""
    page = render(example(), PLAIN, BEGIN, only="Asked for: event rare.")
    assert page.split("\n\n")[0].endswith("\nAsked for: event rare.")


def test_buckets_are_told_one_by_one() -> None:
    """Where each begins, in order; of these there is no mean. An undeclared number has one."""
    declared = Declaration({"search": {"n": Number(buckets=[0, 10, 1000])}})
    log = summed(record(n=value) for value in (1000, *[10] * 20, *[0] * 3))
    page = render(document(log, declared), PLAIN, BEGIN)
    assert re.search(r"\n  0 +3  12 % .*\n  10 +20 .*\n  1,000 +1 .*\n  recorded in buckets, by the number", page)
    assert "mean" not in page.rpartition("search: n")[2]
    edges = list(range(12))
    log = summed(record(n=value) for value in edges)
    page = render(document(log, Declaration({"search": {"n": Number(buckets=edges)}})), PLAIN, BEGIN)
    assert re.findall(r"\n  (\d+) +1 ", page.rpartition("search: n")[2]) == list(map(str, edges))  # also of many
    assert "others" not in page


def test_exit_codes_are_told_one_by_one() -> None:
    """However few: a mean of them says nothing."""
    page = render(document(summed([record(exit_code=3), record(exit_code=0)])), PLAIN, BEGIN)
    assert re.search(r"search: exit_code +values\n  0 +1  50 % .*\n  3 +1  50 % ", page)
    assert "mean" not in page.rpartition("search: exit_code")[2]


def test_the_exit_codes_that_occur_most_are_shown() -> None:
    """Of more than there is room for, the rest is those that are rare."""
    log = summed(record(exit_code=code) for code in [*range(20), *[130] * 50])
    assert re.search(r"search: exit_code +values\n  130 +50  71 % ", render(document(log), PLAIN, BEGIN))


@pytest.mark.parametrize(
    ("values", "said"),
    [([413], "413"), ([413, 413], "2 numbers, each 413"), ([1, 3], "2 numbers from 1 to 3: mean 2, median 1, p95 3")],
)
def test_numbers_that_are_the_same_are_said_once(values: list[int], said: str) -> None:
    """One number is that number; no lowest, mean and highest are made of it."""
    page = render(document(summed(record(n=value) for value in values)), PLAIN, BEGIN)
    assert page.endswith(f"\n\nsearch: n\n  {said}")


def test_a_name_without_room_is_cut() -> None:
    """Where there is no table below it as well."""
    found = document(summed([record("e" * 30, **{"f" * 30: 1})]))
    assert "\n" + "e" * 27 + "...\n  1" in render(found, Style(NARROWEST), BEGIN)


def test_one_pseudonym_is_one_value() -> None:
    """One value is not plural."""
    page = render(document(summed([record(who="0" * 16)]), DECLARED), PLAIN, BEGIN)
    assert page.endswith("search: who: 1 value, different ones: 1")
