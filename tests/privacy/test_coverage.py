"""What a consent covers: lines of text against the present declaration, and what lets out more or less than another."""

import json
from typing import Any

import pytest

from discreet.destination import PRECISIONS, Destination
from discreet.privacy import UNDECLARED_LINES, coverage, spelled
from discreet.privacy.agreement import Agreement, narrower
from discreet.privacy.conversions import Boolean, Count, Number, OneOf
from discreet.privacy.coverage import lines
from discreet.privacy.declaration import Declaration
from discreet.privacy.plain import plain, restored

SEARCH: dict[str, Any] = {"fmt": {"one_of": ["json", "table"]}, "results": {"found": "count", "returned": "count"}}


def declared(rows: dict[str, Any], **more: Any) -> Declaration:
    """A closed world of one event."""
    return Declaration({"search": rows}, **more)


def test_the_lines() -> None:
    """Each event, each field in its conversion and each host is a line that `cat` shows, the package's own too."""
    assert lines(declared(SEARCH), ["b.example", "a.example", "b.example"]) == [
        "> a.example",
        "> b.example",
        "command",
        "command command command_name",
        "command duration_ms number",
        "command error error_name",
        "command exit_code number",
        "command success boolean",
        "search",
        'search fmt one_of "json" "table"',
        "search results/found count",
        "search results/returned count",
        "session",
        "session duration_ms number",
        "session error error_name",
        "session part number",
        "session success boolean",
    ]


def test_what_a_tool_without_a_declaration_covers() -> None:
    """The lines that spare a first run the room of conversions are those of an empty declaration."""
    assert list(UNDECLARED_LINES) == lines(Declaration(), []) == lines(None, [])


def test_a_long_list_is_agreed_to_by_its_digest() -> None:
    """However long the lists of a declaration, a yes covers all of it; of one that then changes it covers nothing."""
    choices = [f"{at}{'x' * 200}" for at in range(300)]
    huge = declared({"a": OneOf(*choices), "b": OneOf(*choices), "c": OneOf("json", "table")}, fields={"n": "count"})
    found = lines(huge, ["a.example"], identity="install")
    assert sum(len(line.encode()) + 1 for line in found) <= coverage.MOST_BYTES
    assert [line.partition("#")[0] for line in found if "#" in line] == ["search a ", "search b "]
    covered = Agreement(found, huge)
    assert covered.additions(["a.example"], identity="install") == []
    assert covered.narrowed("search", {"a": choices[0], "n": 1}) == {"a": choices[0], "n": 1}
    changed = declared({"a": OneOf(*choices[1:]), "b": OneOf(*choices), "c": OneOf("json")}, fields={"n": "count"})
    assert Agreement(found, changed).additions() == ["search.a"]


def test_lines_are_bounded() -> None:
    """What has no room is left out, whole lines at a time, and so is not covered; a host has room before all else."""
    huge = Declaration({f"event_{at}": {f"field_{of}": Count() for of in range(30)} for at in range(80)})
    found = lines(huge, ["a.example"], identity="install")
    assert coverage.MOST_BYTES - 1000 < coverage.size(found) <= coverage.MOST_BYTES
    assert found[:2] == ["> a.example", "+ install"]
    whole = [event for event in huge.events if event in found]
    assert all(f"{event} field_{of} count" in found for event in whole for of in range(30) if event[:6] == "event_")
    assert 20 < len(whole) < 80
    assert set(found[2:]) < set(coverage._declared(huge))
    assert Agreement(found, huge).additions() != []


@pytest.mark.parametrize("character", ["x", "ж", "数", "😀", '"', "\\"])
def test_the_bound_is_of_what_is_written(character: str) -> None:
    """In whatever script the texts are, and however many quotes are in them, the lines as JSON keep to the bound."""
    choices = [f"{at:04}{character * 12}" for at in range(400)]
    found = lines(Declaration({f"event_{at}": {"fmt": OneOf(*choices)} for at in range(3)}), ["a.example"])
    written = json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode()
    assert len(written) == coverage.size(found) + 1
    assert coverage.size(found) < coverage.MOST_BYTES


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (["search", "track", "* n count"], ["search", "track", "search n * count", "track n * count"]),
        (["search", "search n hash", "* n count"], ["search", "search n hash"]),  # a form of its own
        (["search", "search n/a count", "* n count"], ["search", "search n/a count"]),
        (["*", "* n count", "search"], ["*", "* n count", "search", "search n * count"]),  # said of any event
        (["> a.example", "+ install", "search"], ["> a.example", "+ install", "search"]),
        (["search", "* n"], ["search"]),  # torn: it says nothing
    ],
)
def test_common_fields_apart(said: list[str], kept: list[str]) -> None:
    """Beside the lines of another declaration a common field is said of the events that it was said of."""
    assert coverage.apart(said) == kept


def test_what_has_no_room_at_all_covers_nothing() -> None:
    """A declaration of which not even the first event has room covers nothing, and says so: no lines at all would have
    the next one asked what it discloses.
    """
    huge = Declaration({"a": {f"field_{at}_{'x' * 50}": Count() for at in range(1000)}})
    assert lines(huge, []) == [coverage.LOST]
    covered = Agreement([coverage.LOST], declared(SEARCH))
    assert covered.narrowed("search", {"fmt": "json"}) is None
    assert not covered.precision("a.example")
    assert not covered.install


def test_a_common_field_has_one_line() -> None:
    """Written once, it is covered in every event that is; an event's own row of that name is covered by itself."""
    before = Declaration({"search": {"n": "boolean"}, "open": {}}, {"n": "count"})
    found = lines(before, [])
    assert [line for line in found if " n " in line] == ["* n count", "search n boolean"]
    assert Agreement(found, before).additions() == []
    after = Declaration({"search": {}, "open": {}, "close": {}}, {"n": "count"})
    assert Agreement(found, after).additions() == ["search.n", "close"]


@pytest.mark.parametrize(
    ("common", "own"),
    [("count", {"x": "count"}), ({"x": "count"}, "count"), ("count", {"x": "forbid"}), ({"x": "count"}, "forbid")],
    ids=str,
)
def test_a_common_field_in_another_form(common: Any, own: Any) -> None:
    """An event that has it as a mapping, or as none, was never said to have it as all others do."""
    before = Declaration({"search": {"n": own}, "open": {}}, {"n": common})
    found = lines(before, [])
    assert Agreement(found, before).additions() == []
    after = Declaration({"search": {}, "open": {}}, {"n": common})
    added = Agreement(found, after).additions()
    assert added == ["search.n/x" if isinstance(common, dict) else "search.n"]


def test_what_was_agreed_to_goes_on() -> None:
    """Of the declaration that the lines were made of, everything is covered, and nothing is an addition."""
    for declaration in (declared(SEARCH), declared(SEARCH, fields={"n": "count"}), Declaration(), None):
        covered = Agreement(lines(declaration, ["a.example"]), declaration)
        assert covered.additions(["a.example"]) == []
        assert covered.precision("a.example")
        assert covered.narrowed("command", {"command": "sync", "success": True}) == {"command": "sync", "success": True}


@pytest.mark.parametrize(
    "shape", [Boolean(epsilon=1), {"x": Boolean(epsilon=1)}], ids=["a field", "one within a field"]
)
def test_the_same_truth_drawn_anew_is_an_addition(shape: Any) -> None:
    """A row by lot that is common to all events is one question, and twenty where each event has it by itself: neither
    was said by the other. A bare row is the same in either place.
    """
    events = [f"e{at}" for at in range(20)]

    def declarations(row: object) -> tuple[Declaration, Declaration]:
        return Declaration({name: {} for name in events}, {"p": row}), Declaration(
            {name: {"p": row} for name in events}
        )

    common, own = declarations(shape)
    field, value = ("p/x", {"x": True}) if isinstance(shape, dict) else ("p", True)
    for before, after, named in ((common, own, events), (own, common, ["command", "session", *events])):
        covered = Agreement(lines(before, []), after)
        assert covered.additions() == [f"{event}.{field}" for event in named]
        assert covered.narrowed("e3", {"p": value}) == {}
        again = Agreement(lines(after, []), after)
        assert again.additions() == []
        assert again.narrowed("e3", {"p": value}) == {"p": value}
    before, after = declarations("boolean")
    assert Agreement(lines(before, []), after).additions() == []


def test_a_question_that_is_asked_less_often() -> None:
    """Where all events but one shared it, and now all do, nothing is drawn that was not drawn before; and a row that
    stands at both places is the common one.
    """
    row = Boolean(epsilon=1)
    apart = Declaration({"a": {"p": Boolean(epsilon=1)}, "b": {}}, {"p": row})
    shared = Declaration({"a": {"p": row}, "b": {}}, {"p": row})
    for before, after in ((apart, shared), (shared, shared), (apart, apart), (shared, restored(plain(shared)))):
        assert Agreement(lines(before, []), after).additions() == []
    assert Agreement(lines(Declaration({"a": {}, "b": {}}, {"p": row}), []), apart).additions() == ["a.p"]


def test_a_new_field_stays() -> None:
    """The record goes on without it; within a field of fields too."""
    covered = Agreement(lines(declared(SEARCH), []), declared({**SEARCH, "n": "count", "results": {
        **SEARCH["results"], "lost": "count"}}))  # fmt: skip
    found = covered.narrowed("search", {"fmt": "json", "n": 3, "results": {"found": 1, "lost": 2}})
    assert found == {"fmt": "json", "results": {"found": 1}}
    assert covered.narrowed("search", {"results": {"lost": 2}}) == {}
    assert covered.additions() == ["search.n", "search.results/lost"]


def test_a_new_event_stays() -> None:
    """An event that was not disclosed is not sent at all, however harmless its fields."""
    both = Declaration({"search": SEARCH, "open": {}})
    covered = Agreement(lines(declared(SEARCH), []), both)
    assert covered.narrowed("open", {}) is None
    assert covered.narrowed("search", {"fmt": "json"}) == {"fmt": "json"}
    assert covered.additions() == ["open"]


def test_a_new_host_is_no_other_host() -> None:
    """Neither a longer name nor a shorter one is the host that was agreed to."""
    covered = Agreement(lines(None, ["a.example"]), None)
    hosts = ["b.example", "xa.example", "a.example.org", "example", ""]
    assert not any(map(covered.precision, hosts))
    assert covered.additions(["a.example", "b.example"]) == ["the host b.example"]


def test_the_precisions_are_a_destinations() -> None:
    """All of them, in the same order, and the one that needs no word is the one that a destination has by itself."""
    assert coverage.PRECISIONS == PRECISIONS
    assert Destination("https://a.example/").time_precision == coverage.PLAIN


def test_a_host_is_named_with_its_precision() -> None:
    """Once, with the finest of those that its destinations have, if that is not the hour; a beacon has no time."""
    found = coverage.hosts(
        Destination(f"https://{host}/{at}", format=form, time_precision=precision)
        for at, (host, form, precision) in enumerate([
            ("a.example", "json", "day"), ("a.example", "otlp", "minute"), ("a.example", "json", "hour"),
            ("b.example", "json", "day"), ("c.example", "json", "hour"), ("d.example", "beacon", "second"),
        ])
    )  # fmt: skip
    assert found == ["a.example minute", "b.example day", "c.example", "d.example"]
    assert lines(None, found)[:4] == [f"> {host}" for host in found]
    assert Agreement(lines(None, found), None).additions(found) == []


@pytest.mark.parametrize(("precision", "words"), [("hour", "key"), ("day", "key day")])
def test_a_host_that_waits_for_a_key(precision: str, words: str) -> None:
    """Agreed to is the user's key alone, whichever is first: a key of somebody else is an addition, and no line of an
    earlier version is one of these.
    """
    url = "https://a.example/batch/"
    waits, has = (Destination(url, api_key=key, time_precision=precision) for key in (None, "phc_key"))
    named = coverage.hosts([waits])
    assert named == coverage.hosts([has], ("us.i.posthog.com", "a.example key")) == [f"a.example {words}"]
    covered = Agreement(lines(None, named), None)
    assert not covered.precision("a.example")
    assert covered.precision(coverage.keyed("a.example")) == precision
    assert covered.additions(named) == []
    assert covered.additions(coverage.hosts([has])) == ["the host a.example"]
    finer = coverage.hosts([Destination(url, time_precision="minute")])
    assert covered.additions(finer) == ["times to the minute for the host a.example"]
    assert Agreement(lines(None, coverage.hosts([has])), None).additions(named) == []
    assert coverage.hosts([waits, has], ("a.example",)) == []


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_beacon_says_nothing_of_times(precision: str) -> None:
    """Beside a destination of the same host it changes nothing of its line; alone it is a host all the same."""
    alone = Destination("https://a.example/", time_precision=precision)
    beacon = Destination("https://a.example/b", format="beacon", time_precision="second")
    for both in ([alone, beacon], [beacon, alone], [beacon, alone, beacon]):
        assert coverage.hosts(both) == coverage.hosts([alone])
    assert coverage.hosts([beacon]) == ["a.example"]


@pytest.mark.parametrize("now", PRECISIONS)
@pytest.mark.parametrize("then", PRECISIONS)
def test_finer_times_are_an_addition(then: str, now: str) -> None:
    """Of a host that was agreed to, which gets its records all the same; coarser ones are none."""
    before, after = (
        coverage.hosts([Destination("https://a.example/", time_precision=precision)]) for precision in (then, now)
    )
    covered = Agreement(lines(None, before), None)
    assert covered.precision("a.example") == then
    finer = PRECISIONS.index(now) < PRECISIONS.index(then)
    assert covered.additions(after) == ([f"times to the {now} for the host a.example"] if finer else [])
    assert covered.additions(["b.example day"]) == ["the host b.example"]


def test_an_id_of_the_installation_is_an_addition() -> None:
    """It links all records of somebody who agreed to records that nothing links."""
    before, after = (Agreement(lines(None, [], identity=identity), None) for identity in ("run", "install"))
    assert (before.install, after.install) == (False, True)
    assert before.additions(identity="install") == ["the id of this installation"]
    assert before.additions(identity="run") == after.additions(identity="install") == after.additions() == []


def test_the_default_rule_is_agreed_to_by_its_own() -> None:
    """A consent to declared events does not cover what an open world would let out, nor the other way round."""
    closed = Agreement(lines(declared(SEARCH), []), Declaration())
    assert closed.narrowed("whatever", {"n": 1}) is None
    assert closed.narrowed("command", {"success": True, "n": 1}) == {"success": True}
    assert closed.additions() == ["undeclared events"]
    opened = Agreement(lines(None, []), declared(SEARCH))
    assert opened.narrowed("search", {"fmt": "json"}) is None
    assert opened.additions() == ["search"]
    assert Agreement(lines(None, []), None).narrowed("whatever", {"n": 1}) == {"n": 1}


def test_a_field_common_to_all_events() -> None:
    """Where events need no declaration, a common field is covered by its own line, for any of them."""
    before, after = Declaration(fields={"n": "count"}), Declaration(fields={"n": "count", "fmt": OneOf("json")})
    covered = Agreement(lines(before, []), after)
    assert covered.narrowed("whatever", {"n": 1, "fmt": "json", "bare": 2}) == {"n": 1, "bare": 2}


def test_lines_of_somebody_else_cover_nothing() -> None:
    """What is no line of ours (an editor's, an attacker's, a later version's) agrees to nothing."""
    text = [
        "",
        "search",
        "search fmt",
        "search fmt raw",
        "search  fmt count",
        ">a.example",
        "> ",
        "\x00",
        "# search n count",
    ]
    covered = Agreement(text, declared(SEARCH))
    assert covered.narrowed("search", {"fmt": "json", "results": {"found": 1}}) == {}
    assert not covered.precision("a.example")


@pytest.mark.parametrize("sample", [0.5, 1.0, None])
def test_sampling_less_rarely_is_one(sample: float | None) -> None:
    """An event of which one in a hundred was agreed to is not covered where more of them, or all, are recorded."""
    rarely = Declaration({"search": {"fields": SEARCH, "sample": 0.01}})
    now = declared(SEARCH) if sample is None else Declaration({"search": {"fields": SEARCH, "sample": sample}})
    covered = Agreement(lines(rarely, []), now)
    assert covered.additions() == ["search"]
    assert covered.narrowed("search", {"fmt": "json"}) is None
    assert Agreement(lines(now, []), now).additions() == []


@pytest.mark.parametrize(
    "before", [declared(SEARCH), Declaration({"search": {"fields": SEARCH, "sample": 0.6}})], ids=["all", "more"]
)
def test_sampling_is_no_addition(before: Declaration) -> None:
    """An event that is now recorded more rarely says at which rate, and needs no new agreement."""
    sampled = Declaration({"search": {"fields": SEARCH, "sample": 0.5}})
    covered = Agreement(lines(before, []), sampled)
    assert covered.additions() == []
    assert covered.narrowed("search", {"sample_rate": 0.5, "fmt": "json"}) == {"sample_rate": 0.5, "fmt": "json"}


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ('one_of "json"', 'one_of "json" "table"'),
        ('one_of "json" "table" epsilon=1.0', 'one_of "json" "table"'),
        ('distribution "py"', 'distribution "js" "py"'),
        ("boolean epsilon=1.0", "boolean"),
        ("count @enhanced", "count"),
        ("number round_to=10", "number"),
        ("number round_to=20", "number round_to=10"),
        ("number significant=1", "number significant=2"),
        ("number low=0", "number"),
        ("number low=5 high=10", "number low=0 high=10"),
        ("number low=0 high=9", "number low=0 high=10"),
        ("number buckets=0,100", "number buckets=0,10,100"),
        ("number buckets=powers_of_two", "number"),
        ("number low=0 buckets=powers_of_two", "number buckets=powers_of_two"),
    ],
)
def test_less_needs_nothing_and_more_does(less: str, more: str) -> None:
    """A conversion that lets out less is covered by one that lets out more, and not the other way round."""
    assert narrower(more, less)
    assert not narrower(less, more)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("count", "hash"),
        ("boolean", "count"),
        ("boolean epsilon=1.0", "boolean epsilon=2.0"),  # drawn anew: both answers add up
        ('one_of "json" "table" epsilon=1.0', 'one_of "json" epsilon=1.0'),
        ("number round_to=10", "number round_to=15"),
        ("number buckets=0,10", "number buckets=0,20"),
        ("number buckets=0,10", "number buckets=powers_of_two"),
        ("number round_to=10", "number significant=1"),
        ('one_of "a"', 'one_of "b"'),
        ("count", "count @enhanced of"),
        ("count", ""),
    ],
)
def test_what_cannot_be_compared_is_more(one: str, other: str) -> None:
    """In doubt it lets out more: another conversion, a step that is no multiple, a line that cannot be read."""
    assert not narrower(one, other)
    assert not narrower(other, one)


@pytest.mark.parametrize("step", ["0", "0.0", f"1{'0' * 400}"])
def test_an_edited_answer_covers_no_more(step: str) -> None:
    """A step that no row can have covers nothing, and ends neither a delivery nor a verb."""
    assert not narrower(f"number round_to={step}", "number round_to=0.5")


def test_a_weaker_conversion_stays() -> None:
    """A field of the same name that now lets out more is held back, and one that lets out less is not."""
    before = declared({"n": Number(round_to=10), "fmt": OneOf("json", "table"), "files": Count()})
    after = declared({"n": Number(), "fmt": OneOf("json"), "files": Count(level="enhanced")})
    covered = Agreement(lines(before, []), after)
    assert covered.narrowed("search", {"n": 7, "fmt": "json", "files": 3}) == {"fmt": "json", "files": 3}
    assert covered.additions() == ["search.n"]


def test_an_option_that_nobody_has_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an option that a later version adds, no change counts as less before `agreement` knows which one is."""
    monkeypatch.setitem(spelled._OPTIONS, "count", ("at_least",))
    assert narrower("count at_least=5", "count at_least=5")
    assert not narrower("count at_least=5", "count at_least=3")
    assert not narrower("count at_least=3", "count at_least=5")
