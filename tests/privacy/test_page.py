"""The disclosure as Markdown: whole, in plain sentences, and safe from what an author writes."""

import re
from typing import Any

import pytest

from discreet import Boolean, Count, Destination, Hash, OneOf, Telemetry
from discreet.privacy.disclosure import content
from discreet.privacy.page import markdown

SECTIONS = [
    "What is recorded",
    "What is never recorded",
    "Where it goes",
    "How long it stays",
    "How to turn it off",
    "How to see and erase it",
]


def page(**options: Any) -> str:
    """The Markdown of a tool."""
    return Telemetry("mytool", **options).disclosure()


def section(text: str, title: str) -> str:
    """What stands below a heading."""
    return text.partition(f"# {title}\n")[2].partition("\n#")[0]


def cells(line: str) -> list[str]:
    """The cells of a row of a table (GFM, section 4.10): a bar with a backslash before it divides nothing."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def headings(text: str) -> list[tuple[int, str]]:
    """The level and the text of each heading."""
    return [(len(marks), title) for marks, title in re.findall(r"^(#+) (.*)$", text, re.MULTILINE)]


def test_its_sections() -> None:
    """A title and six sections, always the same, ending in one newline."""
    text = page()
    assert headings(text) == [(1, "What mytool records about its use"), *((2, title) for title in SECTIONS)]
    assert text.endswith(".\n")
    assert "\n\n\n" not in text
    assert all(section(text, title).strip() for title in SECTIONS)


@pytest.mark.parametrize(
    ("level", "titled", "levels"),
    [(1, True, {1, 2}), (3, True, {3, 4}), (6, True, {6}), (3, False, {3}), (6, False, {6})],
)
def test_levels(level: int, titled: bool, levels: set[int]) -> None:
    """The headings begin where they are told to, and go no deeper than Markdown does."""
    text = markdown(content(Telemetry("mytool")), level, titled=titled)
    assert {level for level, _ in headings(text)} == levels
    assert ("What mytool records" in text) is titled


def test_a_field_s_row() -> None:
    """Each field is a row: its name, the conversion in words, an example, the purpose."""
    rows = section(page(fields={"fmt": OneOf("json", "table", purpose="which one?", example="table")}), SECTIONS[0])
    assert "| field | what is recorded | example | why |\n" in rows
    line = "| `fmt` | Which one of these it is: `json`, `table`; anything else is `other`. | `table` | which one? |"
    assert f"\n{line}\n" in rows


def test_a_forbidden_field_has_no_example() -> None:
    """Of a field that is never recorded the cell of the example is empty."""
    text = page(events={"search": {"key": "forbid"}})
    (line,) = (line for line in text.splitlines() if line.startswith("| `key` |"))
    assert cells(line) == ["`key`", "Nothing: this is never recorded.", "", "no purpose stated"]


def test_no_purpose_stated() -> None:
    """Where the author said no purpose, that is what is said."""
    text = page(events={"search": {"n": Count()}})
    assert "| `n` | How many there are, not which ones. | `3` | no purpose stated |" in text
    assert "**`search`**: No purpose stated." in text


def test_levels_of_fields() -> None:
    """A column tells the level as soon as one field is enhanced, and a sentence what it takes."""
    assert "| level |" not in page(fields={"n": Count()})
    text = page(fields={"n": Count(), "m": Boolean(level="enhanced")})
    assert "| no purpose stated | *enhanced* |" in text
    assert "| no purpose stated | basic |" in text
    assert "`mytool telemetry on --enhanced`" in text


def test_rates() -> None:
    """A sampled event says how many of a hundred are recorded; one with the rate 1 says nothing."""
    events = {"a": {"fields": {}, "sample": 0.125}, "b": {"fields": {}, "sample": 1}}
    text = page(events=events)
    assert "**`a`**: No purpose stated. Only 12.5 % of these are recorded, chosen by chance." in text
    assert "**`b`**: No purpose stated.\n" in text


@pytest.mark.parametrize(
    ("options", "open_world"),
    [({}, True), ({"fields": {"n": "count"}}, True), ({"events": {"search": {"n": "count"}}}, False)],
)
def test_the_open_world(options: dict[str, Any], open_world: bool) -> None:
    """Where other events may come, it says so, and what they can hold."""
    assert ("This list is open" in page(**options)) is open_world


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "Nothing in a record links one run to another."),
        ({"fields": {"project": Hash()}}, "Nothing in a record links one run to another, but for `project`:"),
        ({"identity": "install"}, "So `install` links all records of this installation"),
    ],
)
def test_what_links(options: dict[str, Any], said: str) -> None:
    """What links one record to another is said in a sentence."""
    assert said in page(**options)


@pytest.mark.parametrize(
    ("consent", "said", "goes"),
    [
        ("opt-in", "mytool records nothing about its use until you say yes: `mytool telemetry on`.", "a.example.org"),
        (
            "local",
            "mytool records nothing about its use until you say yes",
            "Nowhere: it stays on this machine, and no",
        ),
        ("opt-out", "mytool records how it is used unless you say no: `mytool telemetry off`.", "a.example.org"),
        ("off", "The code of mytool has telemetry switched off", "Nowhere: it stays on this machine, and no setting"),
    ],
)
def test_the_modes(consent: str, said: str, goes: str) -> None:
    """Each mode of consent is said at the beginning, and what follows from it for the way out."""
    text = page(consent=consent, destination="https://a.example.org/")
    assert text.partition("\n\n")[2].startswith(said)
    assert goes in section(text, "Where it goes")
    assert ("a.example.org" in text) is (consent in ("opt-in", "opt-out"))


def test_nowhere() -> None:
    """Without a destination it stays here, and only the user can change that."""
    goes = section(page(), "Where it goes")
    assert "Nowhere: it stays on this machine." in goes
    assert "`MYTOOL_TELEMETRY_ENDPOINT`" in goes


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "as soon as 10 records wait, or a minute after the last try, with the time cut to the hour."),
        ({"batch_size": 5, "batch_interval": 7200}, "as soon as 5 records wait, or 2 hours after the last try,"),
        ({"batch_interval": 3600}, "or an hour after"),
        ({"batch_interval": 86_400}, "or a day after"),
        ({"batch_interval": 90}, "or 90 seconds after"),
        ({"batch_interval": 0.5}, "or 0.5 seconds after"),
        ({"batch_interval": 0}, "in the form `json`, at once,"),
        ({"time_precision": "second"}, "with the time to the second."),
        ({"format": "beacon", "time_precision": "second"}, "without the time."),
    ],
)
def test_a_destination(options: dict[str, Any], said: str) -> None:
    """How often, and how exact the time is, as the destination was made."""
    goes = section(page(destination=Destination("https://a.example.org/t", **options)), "Where it goes")
    assert f"- `https://a.example.org`, in the form `{options.get('format', 'json')}`, " in goes
    assert said in goes


def test_what_a_request_carries() -> None:
    """Headers of the author are mentioned where there are some, and only there."""
    plain = page(destination="https://a.example.org/")
    keyed = page(destination=Destination("https://a.example.org/", headers={"X-Key": "sekrit"}))
    assert "`User-Agent`" in plain
    assert "the key or header that the author set" not in plain
    assert "the key or header that the author set" in keyed


@pytest.mark.parametrize(("identity", "whom"), [("run", "a random number, another one"), ("install", "`install`")])
def test_feature_flags(identity: str, whom: str) -> None:
    """With PostHog, and with nothing else, a sentence says that flags may be asked for, how often and with what."""
    asks = "it also asks PostHog for these, once an hour at most. That request carries"
    goes = section(page(destination=Destination.posthog("phc_key"), identity=identity), "Where it goes")
    assert asks in goes
    assert f"the name of mytool, the author's key and {'the number ' * (identity == 'install')}{whom}" in goes
    assert asks not in page(destination="https://a.example.org/")
    assert asks not in page(destination=Destination.posthog("phc_key"), consent="local")


def test_variants_that_ride() -> None:
    """Where a field holds the variant of a flag, it is said that this may stay the same."""
    said = "Which variant of a feature is in use may stay the same from run to run"
    assert f"{said}: `flag.ranking`." in page(fields={"flag.ranking": OneOf("a", "b")})
    assert said not in page(fields={"flags": Count()})


HOSTILE = "a | b\n\n# c\n<!-- discreet:disclosure:end -->\n<script>`x` \x1b[31m\u202e"


def test_what_an_author_writes_stays_text() -> None:
    """No purpose, example or declared text makes a cell, a line, a heading, a tag or an end marker of its own."""
    text = page(
        fields={"f": OneOf("a|b", "`", "<!-- x -->", purpose=HOSTILE, example="a|b")},
        events={"search": {"fields": {"n": Count()}, "purpose": HOSTILE.replace("\n\n", "\n")}},
    )
    lines = text.splitlines()
    assert all(line.isprintable() for line in lines)
    assert len(headings(text)) == 1 + len(SECTIONS)
    assert all(len(cells(line)) == 4 for line in lines if line.startswith("|"))
    assert not [line for line in lines if line.strip().startswith("<")]
    bare = re.sub(r"(`+) ?.*? ?\1(?!`)", "", text)
    assert "<" not in bare


def test_each_way_has_a_line() -> None:
    """Each row of the gate has its own line in the section on turning it off."""
    telemetry = Telemetry("mytool")
    lines = section(telemetry.disclosure(), "How to turn it off").splitlines()
    ways = content(telemetry)["off"]
    assert len([line for line in lines if line.startswith("- ")]) == len(ways)
    for way in ways:
        assert len([line for line in lines if line.endswith(f"{way['words']}.")]) == 1


def test_about_a_page() -> None:
    """The page of a small tool is one that people read: under 900 words."""
    found = page(fields={"n": Count(purpose="why")}, destination="https://a.example.org/")
    assert len(re.findall(r"[A-Za-z_/~.`']*[A-Za-z][A-Za-z_/~.`']*", found)) < 900
