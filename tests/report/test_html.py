"""The page: what stands on it, that nothing of the log is on it but text, and that all eyes and ears can have it."""

import math
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from discreet.report import html
from discreet.report.document import document
from discreet.report.html import SPANS, VALUES
from discreet.report.style import STYLE
from discreet.report.summarize import Summary
from report.test_document import DECLARED
from report.test_summarize import pack, record, summed

VOID = {"meta", "link", "br", "img", "input"}


class Tree(HTMLParser):
    """The tags of a page with their attributes, and the text; fails where a tag is not closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each tag of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]


def page(summary: Summary, declaration: Any = None, skipped: dict[str, int] | None = None, **more: Any) -> str:
    """The page of a summary."""
    return html.page(document(summary.settle(), declaration, skipped), **more)


def busy() -> Summary:
    """A log that has something for every part of the page."""
    log = [
        record("command", f"2026-11-{n % 9 + 11:02}", command="sync", success=n > 3, duration_ms=n) for n in range(40)
    ]
    log += [record(fmt="json", private=n > 2, results={"found": n}, lang={"py": n}, who=f"{n:016x}") for n in range(8)]
    return summed([*log, record("rare", sample_rate=0.25), {**record(), "tool": "other"}])


def test_the_page() -> None:
    """One document with its language, landmarks, headings in order, and the figures of the report."""
    tree = Tree(page(busy(), DECLARED, {"torn": 3}, tool="mytool"))
    assert tree.all("html") == [{"lang": "en"}]
    assert all(len(tree.all(tag)) == 1 for tag in ("header", "main", "footer", "h1"))
    headings = [tag for tag, _ in tree.tags if tag in ("h1", "h2", "h3")]
    cards = [one for one in tree.all("div") if one.get("class") == "card"]
    assert [tag for tag in headings if tag != "h3"] == ["h1", *["h2"] * 5]
    assert headings[-1] == "h3"
    assert headings.count("h3") == len(cards) + 1 > 6  # each has its own to go to; the days have one that is not shown
    for text in ("mytool: report", "command sync", "rare", "4 ± 3", "1.4.0", "search: fmt", "3 torn", "epsilon 1"):
        assert text in tree.text
    assert "%" in tree.text


def test_a_part_that_says_nothing_is_not_there() -> None:
    """No table of tools for one tool, none of durations where nobody measured any, and nothing in its place."""
    one = page(summed([record(n=1)]), None, tool="mytool")
    two = page(summed([record(n=1), {**record(n=1), "tool": "other"}]), None, tool="mytool")
    assert [">Tool<" in text for text in (one, two)] == [False, True]
    timed = page(summed([record("command", command="sync", duration_ms=4)]), None, tool="mytool")
    assert ['id="durations"' in text for text in (one, timed)] == [False, True]
    assert not re.findall(r"</section>\s*[^<\s]", one)
    rare = page(summed([record("rare", sample_rate=0.25)]), None, tool="mytool")
    assert ["estimates of all" in text for text in (one, rare)] == [False, True]


def test_an_estimate_has_its_error_on_the_bar() -> None:
    """What was answered by lot is drawn with the standard error beside the figure."""
    lots = page(summed([record(private=n > 2) for n in range(8)]), DECLARED, tool="mytool")
    truths = page(summed([record(private=n > 2) for n in range(8)]), None, tool="mytool")
    assert 'class="error"' in lots
    assert 'class="error"' not in truths


def test_an_answer_that_is_none_has_no_estimate() -> None:
    """A choice that a later version gave up, or a forged line, is counted and nothing more."""
    log = [*(record(private=n > 2) for n in range(8)), record(private="maybe")]
    assert re.search(
        r"maybe.{,20}</th><td[^>]*>1</td><td[^>]*>11 %</td><td[^>]*>\u2013</td>", page(summed(log), DECLARED)
    )


def test_nothing_is_fetched_and_nothing_runs() -> None:
    """No script, no link, no image, no address, and a policy that forbids what is not there."""
    text = page(busy(), DECLARED, tool="mytool")
    tree = Tree(text)
    assert not {tag for tag, _ in tree.tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "a",
    }
    names = {name for _, attributes in tree.tags for name in attributes}
    assert not names & {"src", "href", "xlink:href", "srcset", "style", "action"}
    assert not [name for name in names if name.startswith("on")]
    assert "url(" not in text
    assert "@import" not in text
    assert "://" not in text
    policy = next(one for one in tree.all("meta") if one.get("http-equiv") == "Content-Security-Policy")["content"]
    assert "default-src 'none'" in str(policy)
    assert "script" not in str(policy)


FOUL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<!--",
    "]]>",
    "&lt;script&gt;",
    "javascript:alert(1)",
    "{{7*7}}${7*7}",
]


@pytest.mark.parametrize("foul", FOUL)
def test_hostile_texts_stay_texts(foul: str) -> None:
    """A text of the log, wherever one may stand, comes out of the page as that text; no tag or attribute is added."""

    def made(text: str) -> Tree:
        one = {**record(fmt=text, lang={text: 1}, results={"kind": text}), "version": text, "os": text, "py": text}
        log = [one, record("command", command="x", error=text), {**record(), "tool": "other"}]
        return Tree(page(summed(log, "fmt"), None, {text: 1}, tool=text, begin=text))

    def skeleton(tree: Tree) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(attributes)) for tag, attributes in tree.tags]

    tree, tame = made(foul), made("tame")
    assert skeleton(tree) == skeleton(tame)
    assert tree.text.count(foul) == tame.text.count("tame")
    assert Tree(page(Summary(), tool=foul, begin=foul)).text.count(foul) == 3


def test_charts_are_told_in_words_and_tables() -> None:
    """A chart has a title and a description, decoration is hidden, and each figure stands in a table with headings."""
    tree = Tree(page(busy(), DECLARED))
    ids = [attributes["id"] for _, attributes in tree.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in tree.tags:
        for name in str(attributes.get("aria-labelledby") or "").split():
            assert name in ids
    charts = [one for one in tree.all("svg") if one.get("role") == "img"]
    assert len(charts) == 1
    assert set(str(charts[0]["aria-labelledby"]).split()).isdisjoint(str(charts[0]["aria-describedby"]).split())
    for one in (*tree.all("div"), *tree.all("table")):
        assert len(str(one.get("aria-label") or "")) < 40  # a name is said each time that it is entered
    assert all(one.get("role") == "img" or one.get("aria-hidden") == "true" for one in tree.all("svg"))
    assert all(one.get("aria-label") for one in tree.all("table"))
    assert all(one.get("scope") in ("col", "row") for one in tree.all("th"))
    assert tree.all("details")
    assert "From 2026-11-11 to 2026-11-20; most, " in tree.text


def test_the_busiest_day_is_told() -> None:
    """With its number, wherever it stands."""
    days = ["2026-11-18", "2026-11-19", "2026-11-19", "2026-11-20"]
    tree = Tree(page(summed(record(day=day) for day in days)))
    assert "From 2026-11-18 to 2026-11-20; most, 2, on 2026-11-19." in tree.text


def luminance(colour: str) -> float:
    """The relative luminance of a colour, as WCAG 2.2 defines it."""
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", re.findall(r":root\{([^}]*)\}", STYLE))
def test_contrast(scheme: str) -> None:
    """In the light, in the dark and on paper: text at least 4.5 to 1 on its ground, bars at least 3 to 1."""
    colours = dict(re.findall(r"--(\w+):(#\w+)", scheme))
    for front, least in (("text", 4.5), ("soft", 4.5), ("good", 3.0), ("bad", 3.0)):
        for ground in ("page", "card"):
            one, two = sorted((luminance(colours[front]), luminance(colours[ground])), reverse=True)
            assert (one + 0.05) / (two + 0.05) >= least, (front, ground)


def bars(text: str) -> list[float]:
    """The heights of the columns of the chart of activity."""
    return [float(height) for height in re.findall(r'height="([\d.]+)" class="good"><title>', text)]


def test_the_axis_begins_at_zero() -> None:
    """Columns are as high as their share of the largest, a day without an event has none, and the grid is from 0 on."""
    text = page(
        summed([record(day="2026-11-01")] * 8 + [record(day="2026-11-02")] * 2 + [record(day="2026-11-04")] * 4)
    )
    heights = bars(text)
    assert [height / heights[0] for height in heights] == [1, pytest.approx(0.25), 0, pytest.approx(0.5)]
    ticks = re.findall(r'text-anchor="end">([\d,]+)</text>', text)
    assert ticks[0] == "0"
    assert float(ticks[-1].replace(",", "")) >= 8
    assert len(ticks) <= 7


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 99, 1234])
def test_the_grid_is_round(count: int) -> None:
    """Its lines are at 1, 2 or 5 times a power of ten, and never between two events."""
    text = page(summed([record()] * count))
    ticks = [float(one.replace(",", "")) for one in re.findall(r'text-anchor="end">([\d,]+)</text>', text)]
    step = ticks[1] - ticks[0]
    assert step >= 1
    assert step / 10 ** math.floor(math.log10(step)) in (1, 2, 5)
    assert ticks[-1] >= count


def test_the_page_is_bounded() -> None:
    """Whatever the log holds, there is a last row, and what is not shown is in a sum."""
    log = [record(f"e{n}", f"{n + 1:04}-01-01", text=f"t{n}", **{f"f{n}": f"v{n}"}) for n in range(3000)]
    text = page(summed([*log, *(record(text=f"t{n}") for n in range(100))]))
    assert len(text) < 512 * 1024
    assert len(bars(text)) <= SPANS
    assert "others" in Tree(text).text
    many = Tree(page(summed(record(text=f"t{n}") for n in range(100)))).text
    assert [f"t{n}" in many for n in (10, 100)] == [True, False]
    assert "others" in many
    assert VALUES < 100


def test_fields_that_are_not_shown_are_counted() -> None:
    """Of numbers and of all else a hundred are shown; how many more there are is said, and the verb that has them."""
    log = [record(**{f"n{at}": number * at for at in range(1, 111)}) for number in range(30)]
    log += [record(**{f"f{at}": True for at in range(9)})]
    assert "10 fields more: see report --json" in Tree(page(summed(log))).text
    assert "more: see" not in Tree(page(busy())).text


def test_an_empty_log_says_what_to_type() -> None:
    """The page of nothing is a page, with the command that begins."""
    tree = Tree(page(Summary(), tool="mytool", begin="mytool telemetry on"))
    assert "Nothing is recorded yet. To begin, type:" in tree.text
    assert "mytool telemetry on" in tree.text
    assert "To begin" not in Tree(page(Summary())).text


def test_an_empty_page_says_what_it_is_told() -> None:
    """Who knows better than that nothing is recorded says it; what is said of figures is not said without any."""
    text = page(Summary(), None, {"torn": 2}, nothing="There is no record in these <files>.")
    assert "There is no record in these <files>." in Tree(text).text
    assert "2 torn" in text
    assert "percentiles" not in text
    assert "percentiles" in page(busy())


def test_a_summary_that_still_grows_can_be_shown() -> None:
    """A summary need not be settled before, and may grow afterwards."""
    summary = Summary()
    for day in range(11, 14):
        summary.add(pack(record(day=f"2026-11-{day}")))
        assert f"2026-11-{day}" in page(summary)


def test_the_page_takes_any_figures() -> None:
    """Estimates below zero, times of zero and a field without a sum are shown, without an error."""
    log = [record(private=True, duration_ms=0, lang={}) for _ in range(3)]
    made = page(summed(log), DECLARED)
    assert re.search(r"no.*-\d", Tree(made).text, re.DOTALL)
    assert "<1 ms" in Tree(made).text


def test_the_chart_is_told_with_the_figures_of_its_table() -> None:
    """An estimate has no decimals there either."""
    made = page(summed([record("rare", sample_rate=0.3), record("rare", day="2026-11-21", sample_rate=0.15)]))
    assert "most, 7, on 2026-11-21." in Tree(made).text
    assert "<td>7</td>" in made


def test_no_figure_begins_like_a_tag() -> None:
    """`<1 ms` and `<1 %` are text: browsers guess so, strict readers of HTML do not."""
    log = [record(fmt="table", success=number > 0, duration_ms=0) for number in range(300)] + [record(fmt="json")]
    made = page(summed(log))
    assert all(shown in Tree(made).text for shown in ("<1 ms", "<1 %", ">99 %"))
    assert not re.search("<[^a-z/!]", made)


def heads(text: str, *, of: str) -> list[str]:
    """The headings of the table of that name."""
    table = text.partition(f'<table aria-label="{of}"')[2].partition("</thead>")[0]
    return re.findall(r'<th scope="col">([^<]*)</th>', table)


def test_what_is_counted_is_named() -> None:
    """What a distribution adds up are items, answers by lot are answers, and the rest are events."""
    text = page(busy(), DECLARED)
    found = [heads(text, of=f"search: {field}")[1] for field in ("lang", "private", "fmt")]
    assert found == ["Items", "Answers", "Events"]


def test_the_field_that_rows_go_by_is_named() -> None:
    """It stands above the rows, and a value that the row is called by already is not said twice."""
    log = [record("command", command="sync", duration_ms=4), record(fmt="json")]
    text = page(summed(log, "command"))
    assert "Events and commands, by command</h2>" in text
    assert "Durations, by command</h2>" in text
    assert text.count(">Event, command</th>") == 2
    assert "<bdi>command sync</bdi>" in text
    assert "<bdi>search, (none)</bdi>" in text
    assert ", by" not in page(summed(log))


def test_one_is_not_plural() -> None:
    """One event on one day."""
    text = page(summed([record()]))
    assert "<dt>event</dt><dd>1</dd>" in text
    assert "<dt>day with events</dt><dd>1</dd>" in text
    assert "<dt>days with events</dt><dd>2</dd>" in page(summed([record(day="2026-11-19"), record()]))


def test_each_figure_of_a_stacked_row_has_its_name() -> None:
    """Where a row becomes a block its figures lose the head of their column, and have it before them instead."""
    text = page(busy(), DECLARED)
    for title in ("How often", "How long", "Numbers", "search: private"):
        table = re.search(f'<div class="[^"]*stack"[^>]*>\\s*<table aria-label="{title}.*?</table>', text, re.DOTALL)
        assert table, title
        named = re.findall(r'<th scope="col">([^<]*)</th>', table[0])[1:]
        rows = re.findall(r'<tr><th scope="row">.*?</tr>', table[0])
        assert rows
        assert all(('class="none">\u2013<' in row) == ("\u2013" in row) for row in rows)  # a place without a figure
        assert [re.findall(r'<td data-head="([^"]*)"[^>]*>', row) for row in rows] == [named] * len(rows)


def test_one_long_time_leaves_room_for_the_short_ones() -> None:
    """Beside a session of hours, commands of milliseconds have places that can be told apart, and the scale is said."""
    log = [record(name, ms=ms) for name, ms in (("a", 20), ("b", 60), ("session", 8_280_000))]
    text = page(summed(log))
    places = sorted(float(x) for x in re.findall(r'<circle cx="([\d.]+)%"', text))
    assert places[1] - places[0] > 5
    assert places[2] == 100
    assert "the scale is logarithmic, from 10 ms to 2.3 h" in text
