"""The question and the notice: at a real terminal, and with somebody who answers in its place."""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment
from discreet import Count, Destination, OneOf, Telemetry
from discreet.consent import stored
from discreet.hosts import asking
from discreet.hosts.reading import plain
from discreet.log import timestamp
from discreet.sending.delivery import Delivery
from discreet.sending.lock import DeliveryLock
from faults.servers import answering, serving
from terminal import Terminal

LATER: Any = {"batch_size": 1000, "batch_interval": 86_400}
PROMPT = "Record it? [y/N/?] "
PROGRAM = """
import sys
import discreet
telemetry = discreet.init("mytool", version="1.4.0", consent=sys.argv.pop(1))
told = telemetry.notice() if telemetry.mode == "opt-out" else telemetry.ask(float(sys.argv.pop(1)))
discreet.track("search", n=1)
telemetry.close(10.0)
print("told", told, telemetry.decision.enabled)
"""


@pytest.fixture
def place(home: Path) -> Path:
    """Where the files lie."""
    return home / ".mytool" / "telemetry"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Somebody at a terminal, who types these lines; None is nothing in time."""
    typed: list[str | None] = []
    monkeypatch.setattr(sys, "argv", ["mytool"])
    monkeypatch.setattr(asking.terminal, "attended", lambda *_: True)
    monkeypatch.setattr(asking.terminal, "is_idle", lambda _: True)
    monkeypatch.setattr(asking.terminal, "line", lambda _, seconds: typed.pop(0))
    return typed


@pytest.fixture
def undecided(home: Path) -> Callable[..., Telemetry]:
    """Make the telemetry of a user who decided nothing yet."""

    def make(**options: Any) -> Telemetry:
        telemetry = Telemetry("mytool", **options)
        telemetry.environ = {"HOME": str(home), "TERM": "xterm"}
        return telemetry

    return make


# ---- with somebody who answers


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["y\n"], True),
        ([" YES \r\n"], True),
        (["?\n", "y\n"], True),
        (["what\n", "y\n"], True),
        (["n\n"], False),
        (["\n"], False),
        ([None], False),
        (["y y\n", "no\n"], False),
        (["yy\n"] * 5, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["opt-in", "local"])
def test_answers(*, answers: Any, undecided: Any, capsys: Any, place: Path, typed: Any, said: bool, mode: str) -> None:
    """Only a plain yes is one; all else is no. Either is kept, with its date, and nothing is asked again."""
    answers += typed
    telemetry = undecided(consent=mode)
    assert telemetry.ask() is said
    assert answers == []
    (word, since), *covered = [line.split() for line in (place / "opt-in").read_text().splitlines()]
    assert word == ("true" if said else "false")
    assert (["command", "duration_ms", "number"] in covered) == said
    assert since.endswith("Z")
    assert telemetry.enabled == said
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("mytool asks once") == 1
    assert undecided(consent=mode).ask() is None
    assert capsys.readouterr() == ("", "")


def test_what_to_type_is_the_program(answers: Any, undecided: Any, capsys: Any) -> None:
    """Where the program has another name than the tool, the question and the notice say it in what is to be typed."""
    for telemetry in (undecided(), undecided(consent="opt-out")):
        telemetry.program = "my"
        answers.append("y\n")
        if telemetry.mode == "opt-in":
            assert telemetry.ask()
            os.unlink(telemetry.paths["consent"])
        else:
            assert telemetry.notice()
        shown = capsys.readouterr().err
        assert "mytool" in shown
        assert "`my telemetry off`" in " ".join(shown.split())
        assert "mytool telemetry" not in shown


def test_what_the_question_says(answers: Any, undecided: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What and why, what never, where to, how long it waits; and all of the disclosure for a question mark."""
    monkeypatch.setenv("COLUMNS", "60")
    answers += ["?\n", "n\n"]
    events = {f"search_{number}": {"purpose": f"why {number}", "fields": {}} for number in range(6)}
    events["search_1"]["purpose"] = "words " * 9 + "kept-together"
    telemetry = undecided(events=events, destination="https://example.org/secret/t")
    telemetry.ask(12.0)
    err = capsys.readouterr().err
    question, _, rest = err.partition(PROMPT)
    for text in (
        "  search_0: why 0",
        "and 3 more",
        "Never recorded",
        "https://example.org.",
        "12 seconds",
        telemetry.paths["log"],
        f"  search_1: {'words ' * 8}\n    words kept-together\n".replace(" \n", "\n"),
    ):
        assert text in question
    assert "secret" not in question
    words = " ".join(rest.split())
    for line in plain(telemetry.disclosure()):
        assert " ".join(line.split()) in words
    assert re.search(r"\n- .*\n  \S", rest)
    wide = [line for line in err.replace(PROMPT, "").splitlines() if len(line) > 60]
    assert [line for line in wide if len(line.split()) > 1] == []  # a path or a URL that is wider stays whole


@pytest.mark.parametrize(("columns", "widest"), [("80", 80), ("500", 100)])
def test_how_wide_it_is(
    *, answers: Any, undecided: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch, columns: str, widest: int
) -> None:
    """As the terminal, and no wider than a person likes to read; five events are all named, and no more of them."""
    monkeypatch.setenv("COLUMNS", columns)
    answers.append("\n")
    events = {f"search_{number}": {"purpose": "words " * 60, "fields": {}} for number in range(3)}
    del events["search_2"]["purpose"]
    undecided(events=events).ask()
    err = capsys.readouterr().err
    assert widest - 10 < max(len(line) for line in err.splitlines() if "words" in line) <= widest
    assert "  search_2: no purpose stated\n" in err
    assert " more\n" not in err


def test_the_page_as_it_is_read() -> None:
    """Every word of the page stays; the marks of Markdown go, and a row of a table is an item of a list."""
    row = OneOf("js|on", "tb", purpose="a | b", example="tb")
    page = Telemetry("mytool", events={"search": {"purpose": "why | what", "fields": {"fmt": row}}}).disclosure()
    lines = list(plain(page))
    assert not any(line.startswith(("#", "|")) or "**" in line for line in lines)
    item = "- `fmt`: Which one of these it is: `js|on`, `tb`; anything else is `other`. (example: `tb`; why: a | b)"
    assert item in lines
    assert "What is recorded" in lines
    assert lines.count("- `exit_code`: The exact number. (example: `0`; why: the exit status)") == 1
    gone = [word for word in re.findall(r"\w+", page) if word not in " ".join(lines)]
    assert set(gone) <= {"field", "what", "level"}  # heads of the columns
    table = "| name | what | level |\n| --- | --- | --- |\n| n | a number | basic |\n"
    assert list(plain(f"{table}\n{table}")) == ["- n: a number (level: basic)", "", "- n: a number (level: basic)"]


def test_a_purpose_that_ends_in_a_backslash(answers: Any, undecided: Any, capsys: Any) -> None:
    """Whatever an author wrote, the page is read to its end, and the question goes on behind it."""
    rows = {"n": Count(purpose="ends in \\", level="enhanced"), "m": Count(purpose="**<b>** |"), "fmt": OneOf("\\|")}
    answers += ["?\n", "y\n"]
    assert undecided(events={"search": {"purpose": "**why** <b>", "fields": rows}}).ask() is True
    said = " ".join(capsys.readouterr().err.split())
    assert "`search`: **why** <b>" in said
    assert "- `n`: How many there are, not which ones. (example: `3`; why: ends in \\; level: enhanced)" in said
    assert "why: **<b>** |; level: basic)" in said


@pytest.mark.parametrize("busy", [False, True], ids=["nobody delivers", "a deliverer is at work"])
def test_what_was_recorded_before_it_was_told_stays(
    answers: Any, undecided: Any, place: Path, capsys: Any, *, busy: bool
) -> None:
    """A version that records more, and ran where nobody could be told of it, sends nothing of that once it has told."""
    options: dict[str, Any] = {"consent": "opt-out", "destination": Destination("https://example.org/t", **LATER)}
    assert undecided(**options, fields={"a": "count"}).notice()
    for fields in ({"a": "count"}, {"a": "count", "b": "count"}):
        telemetry = undecided(**options, fields=fields)
        telemetry.track("search", a=[1], b=[2])
        assert telemetry.close(10.0)
    assert (place / "usage.jsonl").read_text().count('"b":1') == 1
    more = {**options, "fields": {"a": "count", "b": "count"}}
    undecided(**more).main(["status"])
    assert "(json): 2 waiting" in capsys.readouterr().out
    with DeliveryLock(undecided().paths, patience=10.0) if busy else nullcontext():
        assert undecided(**more).notice()
    undecided(**more).main(["status"])
    assert "(json): 0 waiting" in capsys.readouterr().out


def test_a_clock_that_was_ahead_before_it_was_told(
    answers: Any, undecided: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the log when more is told stays, also once the time has come that it says."""
    with serving(answering(200)) as server:
        there = Destination(server.url, **LATER)
        options: dict[str, Any] = {"consent": "opt-out", "destination": there, "delivery": "thread"}
        assert undecided(**options).notice()
        for _ in range(2):
            telemetry = undecided(**options)
            telemetry.track("search", n=1)
            assert telemetry.close(10.0)
            if not server.requests:
                assert telemetry.main(["flush"]) == 0
            options["identity"] = "install"
        log = place / "usage.jsonl"
        log.write_text(re.sub('"time":"[^"]*', f'"time":"{timestamp(time.time() + 3600)}', log.read_text()))
        assert undecided(**options).notice()
        monkeypatch.setitem(Delivery.__init__.__kwdefaults__, "clock", lambda: time.time() + 7200)
        assert undecided(**options).main(["flush"]) == 0
        assert (len(server.requests), log.read_text().count("\n")) == (1, 2)


def test_the_verbs_below_another_command(undecided: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mounted below a sub-command, or by a program of another name, they are told as they are typed."""
    monkeypatch.setattr(sys, "argv", ["/usr/bin/mytool"])
    for prog, told in (("mytool", "mytool admin usage"), (None, "mytool admin usage"), ("git mytool", "mytool usage")):
        telemetry = undecided()
        admin = argparse.ArgumentParser(prog=prog).add_subparsers().add_parser("admin")
        telemetry.mount(admin.add_subparsers(), name="usage")
        assert f"`{told} off`, for good" in telemetry.disclosure()


def test_the_verbs_under_another_name(
    answers: Any, undecided: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a person is told to type is what the host mounted, and whoever types that is not asked."""
    telemetry = undecided()
    telemetry.mount(argparse.ArgumentParser(prog="mytool").add_subparsers(), name="usage-data")
    answers += ["n\n"]
    monkeypatch.setattr(sys, "argv", ["mytool", "usage-data", "on"])
    assert telemetry.ask() is None
    monkeypatch.setattr(sys, "argv", ["mytool", "search"])
    assert telemetry.ask() is False
    assert "`mytool usage-data on` would change that" in capsys.readouterr().err
    assert "mytool telemetry" not in telemetry.disclosure()
    assert "`mytool usage-data off`, for good" in telemetry.disclosure()
    assert telemetry.main(["export"]) == 0
    assert "by `mytool usage-data export`" in capsys.readouterr().out


@pytest.mark.parametrize("typed", [[], ["search"]])
def test_where_the_verbs_have_no_word(
    answers: Any, undecided: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch, typed: list[str]
) -> None:
    """They are a script of their own then, and nothing that is typed to the tool is one: it asks as any other."""
    telemetry = undecided()
    telemetry.program, telemetry.verbs = "scripts/usage", ""
    answers += ["n\n"]
    monkeypatch.setattr(sys, "argv", ["mytool", *typed])
    assert telemetry.ask() is False
    assert "`scripts/usage on` would change that" in capsys.readouterr().err


def test_a_yes_covers_where_it_goes(answers: Any, undecided: Any, place: Path) -> None:
    """What was said of the receivers is kept with the answer, so that a later one is told apart."""
    answers.append("y\n")
    telemetry = undecided(destination="https://example.org/t")
    assert telemetry.ask() is True
    assert "> example.org" in (place / "opt-in").read_text().splitlines()


def test_a_word_that_is_no_answer(answers: Any, undecided: Any, capsys: Any) -> None:
    """Whoever types something else is told what can be typed."""
    answers += ["what\n", "n\n"]
    assert undecided().ask() is False
    assert "Type y for yes, n for no, or ? to read all of it.\n" in capsys.readouterr().err


def test_where_it_goes(answers: Any, undecided: Any, capsys: Any) -> None:
    """The receivers in force: the user's own address replaces the author's, and a local tool sends nowhere."""
    for options, variables, words in (
        (
            {"destination": "https://example.org/t"},
            {"MYTOOL_TELEMETRY_ENDPOINT": "https://127.0.0.1/"},
            "https://127.0.0.1.",
        ),
        ({"destination": "https://example.org/t", "consent": "local"}, {}, "Nothing is sent."),
        ({}, {}, "Nothing is sent."),
    ):
        answers.append(None)
        telemetry = undecided(**options)
        telemetry.environ.update(variables)
        telemetry.ask()
        os.unlink(telemetry.paths["consent"])
        err = capsys.readouterr().err
        assert words in " ".join(err.split())
        assert "example.org" not in err


@pytest.mark.parametrize(("timeout", "kept"), [(0, 1), (-5.0, 1), (1e9, 600), (float("nan"), 1), (7, 7)])
def test_the_limit(answers: Any, undecided: Any, monkeypatch: pytest.MonkeyPatch, timeout: float, kept: float) -> None:
    """There is always a time limit that leaves time to read."""
    waited: list[float] = []
    monkeypatch.setattr(asking.terminal, "line", lambda _, seconds: waited.append(seconds))
    assert undecided().ask(timeout) is False
    assert waited == [kept]


@pytest.mark.parametrize("before", ["true", "false"])
@pytest.mark.parametrize(
    ("typed", "said"), [(None, None), ("what", None), ("y\n", True), ("n\n", False), ("\n", False)]
)
def test_somebody_else_was_quicker(
    *, answers: Any, undecided: Any, place: Path, monkeypatch: pytest.MonkeyPatch, typed: Any, said: Any, before: str
) -> None:
    """Nobody's answer replaces none that was given in another window meanwhile; what a person typed last holds."""

    def line(*_: object) -> Any:
        place.mkdir(parents=True, exist_ok=True)
        (place / "opt-in").write_text(f"{before}\n")
        return typed

    monkeypatch.setattr(asking.terminal, "line", line)
    assert undecided().ask() is said
    stored = (place / "opt-in").read_text()
    assert stored.split()[0] == (before if said is None else "true" if said else "false")
    assert undecided().enabled == stored.startswith("true")


@pytest.mark.parametrize("mode", ["opt-out", "off"])
def test_modes_that_never_ask(answers: Any, undecided: Any, capsys: Any, mode: str) -> None:
    """An opt-out tool and one that is off ask nothing, and no other mode has a notice."""
    assert undecided(consent=mode).ask() is None
    for other in ("opt-in", "local", "off"):
        assert undecided(consent=other).notice() is False
    assert capsys.readouterr() == ("", "")


def test_an_answer_that_cannot_be_kept(
    answers: Any, undecided: Any, capsys: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing could be kept nobody is asked, again and again; and a disk that fills up at that moment is said."""
    place.parent.write_text("a file\n")
    place.parent.chmod(0o700)
    assert undecided().ask() is None
    assert undecided(consent="opt-out").notice() is False
    assert capsys.readouterr() == ("", "")
    place.parent.unlink()
    nowhere = undecided()
    nowhere.environ["HOME"] = str(place.parents[1] / "no such home")  # which is not made
    assert nowhere.ask() is None
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda *_: False)
        assert undecided().ask() is None
    assert capsys.readouterr() == ("", "")
    answers.append("y\n")
    telemetry = undecided()
    telemetry.paths.files["consent"] = "x" * 300
    assert telemetry.ask() is None
    assert "could not be kept (File name too long)" in capsys.readouterr().err
    assert not telemetry.enabled


def test_a_lost_terminal_is_no_error(
    answers: Any, undecided: Any, place: Path, swallowed: Any, monkeypatch: Any
) -> None:
    """What fails while asking is counted, and never the host's trouble; nothing is kept of it."""

    def broken(*_: object) -> None:
        raise OSError(5, "input/output error")

    monkeypatch.setattr(asking.terminal, "line", broken)
    assert undecided().ask() is None
    assert [reason for reason, _ in swallowed] == ["ask"]
    assert not place.exists()


# ---- the notice


def test_the_run_of_a_notice_records_nothing(answers: Any, undecided: Any, place: Path, capsys: Any) -> None:
    """Nor does what it starts. The next run records, and says nothing."""
    telemetry = undecided(consent="opt-out")
    assert telemetry.notice() is True
    assert telemetry.notice() is False
    telemetry.track("search", n=1)
    assert not telemetry.enabled
    assert not telemetry.decision.enabled
    assert "notice" in telemetry.decision.reason
    assert os.environ.pop("MYTOOL_NO_TELEMETRY") == "1"
    assert os.listdir(place) == ["notice"]
    out, err = capsys.readouterr()
    assert out == ""
    assert "unless you say no" in err
    later = undecided(consent="opt-out")
    assert later.notice() is False
    later.track("search", n=1)
    assert later.close(10.0)
    assert later.decision.row == "default"
    assert len((place / "usage.jsonl").read_text().splitlines()) == 1
    assert capsys.readouterr() == ("", "")


def test_an_addition_is_told(answers: Any, undecided: Any, place: Path, capsys: Any) -> None:
    """A version that records more says so once, and records nothing in that run, though the older notice holds; one
    that records less says nothing.
    """
    fields = {"a": "count", "b": "count"}
    assert undecided(consent="opt-out", fields={"a": "count"}).notice()
    capsys.readouterr()
    telemetry = undecided(consent="opt-out", fields=fields)
    telemetry.track("search", a=[1])
    assert telemetry.enabled
    assert telemetry.flush(10.0)
    recorded = (place / "usage.jsonl").read_text()
    assert telemetry.notice()
    assert "more of how it is used than it said before" in " ".join(capsys.readouterr().err.split())
    assert not telemetry.decision.enabled
    telemetry.track("search", a=[1])
    assert telemetry.close(10.0)
    assert (place / "usage.jsonl").read_text() == recorded
    for options in ({"fields": fields}, {"fields": {"a": "count"}}, {}):
        assert not undecided(consent="opt-out", **options).notice()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "variables", "told"),
    [
        ({"fields": {"n": {"number": {"round_to": 10}}}}, {}, False),
        ({"fields": {"n": {"number": {"round_to": 20}}}}, {}, False),
        (
            {"version": "2", "fields": {"n": {"number": {"round_to": 10}, "purpose": "another"}, "m": "forbid"}},
            {},
            False,
        ),
        ({}, {"MYTOOL_TELEMETRY_ENDPOINT": "https://127.0.0.1/t"}, False),
        ({"fields": {"n": "number"}}, {}, True),
        ({"fields": {"n": "hash"}}, {}, True),
        ({"events": {"command": {"m": "count"}}}, {}, True),
        ({"identity": "install"}, {}, True),
        ({"destination": "https://example.org/t"}, {}, True),
    ],
    ids=str,
)
def test_what_is_told_again(
    answers: Any, undecided: Any, options: dict[str, Any], variables: dict[str, str], *, told: bool
) -> None:
    """A field, a conversion that lets out more, a host, an id of the installation; nothing else, and each only once."""
    assert undecided(consent="opt-out", fields={"n": {"number": {"round_to": 10}}}).notice()
    telemetry = undecided(consent="opt-out", **options)
    telemetry.environ.update(variables)
    assert telemetry.notice() == told
    assert telemetry.off == told
    assert not undecided(consent="opt-out", **options).notice()


SAMPLED = {"search": {"fields": {"n": "count"}, "sample": 0.01}}
ALL = {"search": {"n": "count"}}
NUMBER = {"n": "number"}
BY_LOT = {"proxy": {"boolean": True, "epsilon": 1}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"events": SAMPLED}, {"events": ALL}),
        ({"events": {"search": {"n": "boolean"}}, "fields": NUMBER}, {"events": {"search": {}}, "fields": NUMBER}),
        ({"events": {"a": {}, "b": {}}, "fields": BY_LOT}, {"events": {"a": BY_LOT, "b": BY_LOT}}),
    ],
    ids=["a rate", "a row of its own", "a question asked once"],
)
def test_more_may_be_fewer_lines(
    answers: Any, undecided: Any, place: Path, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """What narrowed another line, and is gone, is told of as an addition is, once; in turn with the older version, the
    one that records less says nothing.
    """
    assert undecided(consent="opt-out", **before).notice()
    telemetry = undecided(consent="opt-out", **after)
    assert telemetry.notice()
    for event in ("search", "a", "b"):
        telemetry.track(event, n=[1], proxy=True)
    assert telemetry.close(10.0)
    assert not (place / "usage.jsonl").exists()
    assert not undecided(consent="opt-out", **after).notice()
    if "sample" in str(before):
        assert not undecided(consent="opt-out", **before).notice()
        assert not undecided(consent="opt-out", **after).notice()


def test_off_stays_off_after_a_notice(answers: Any, undecided: Any, place: Path) -> None:
    """A yes that is typed in another window does not begin in the run that showed the notice."""
    assert undecided(consent="opt-out").notice()
    telemetry = undecided(consent="opt-out", fields={"a": "count"})
    telemetry.track("search", a=[1])
    assert telemetry.flush(10.0)
    assert telemetry.notice()
    (place / "opt-in").write_text("true\n")
    assert not telemetry.still_agreed()
    assert telemetry.off
    telemetry.close(10.0)


def test_a_notice_that_was_not_read_is_none(answers: Any, undecided: Any, monkeypatch: Any, swallowed: Any) -> None:
    """Where it could not be printed it was not shown, and the run records nothing all the same."""

    class Broken:
        encoding = "utf-8"

        def write(self, _: str) -> None:
            raise OSError(5, "input/output error")

    telemetry = undecided(consent="opt-out")
    monkeypatch.setattr(sys, "stderr", Broken())
    assert telemetry.notice() is False
    assert [reason for reason, _ in swallowed] == ["notice"]
    assert not stored.covered(telemetry.paths, "notice")
    assert telemetry.off
    assert not undecided(consent="opt-out").enabled


# ---- at a real terminal


@pytest.fixture
def program(tmp_path: Path) -> str:
    """A tool that asks or tells, and then records an event."""
    path = tmp_path / "mytool.py"
    path.write_text(PROGRAM)
    return str(path)


@pytest.fixture
def start(program: str, home: Path) -> Callable[..., Terminal]:
    """Start the tool, or a shell command in which `$MYTOOL` stands for it, at a terminal."""

    def run(mode: str, *words: str, shell: str = "$MYTOOL", stdin: str = "", **variables: str | None) -> Terminal:
        tool = " ".join([sys.executable, program, mode, *(["20"] if mode != "opt-out" else []), *words])
        environment = {**clean_environment(home), "TERM": "xterm", "DISCREET_DEBUG": "1", "MYTOOL": tool, **variables}
        given = {name: value for name, value in environment.items() if value is not None}
        return Terminal(["sh", "-c", shell], given, stdin)

    return run


def test_a_yes_at_a_terminal(start: Any, place: Path) -> None:
    """Asked, answered, kept, and recorded from there on: all of it in one run."""
    with start("opt-in") as terminal:
        terminal.wait_for(PROMPT)
        assert not place.exists()
        terminal.type("y\n")
        assert terminal.end() == 0
    assert "told True True" in terminal.output
    assert (place / "opt-in").read_text().startswith("true 20")
    assert len((place / "usage.jsonl").read_text().splitlines()) == 1
    with start("opt-in") as terminal:
        assert terminal.end() == 0
    assert terminal.output == "told None True\n"


def test_the_time_is_up(start: Any, place: Path) -> None:
    """Nobody answers: no, and kept as one; half a word typed is left to nobody."""
    with start("opt-in", shell="${MYTOOL% 20} 1; read word; echo got $word") as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("ye")
        terminal.wait_for("told False False")
        terminal.type("next\n")
        assert terminal.end() == 0
    assert terminal.output.endswith("got next\n")
    assert (place / "opt-in").read_text().startswith("false 20")


def test_the_end_of_the_input(start: Any, place: Path) -> None:
    """Ctrl-D is no answer, which is no."""
    with start("opt-in") as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("\x04")
        assert terminal.end() == 0
    assert f"{PROMPT}\nNothing is recorded." in terminal.output
    assert "told False False" in terminal.output
    assert (place / "opt-in").read_text().startswith("false 20")


def test_ctrl_c_is_the_hosts(start: Any, place: Path) -> None:
    """It ends the tool as it always does, keeps nothing, and leaves the terminal as it was; it is asked again then."""
    shell = f"cd {place.parents[1]}; trap : INT; stty -a > before; $MYTOOL; echo ended $?; stty -a > after"
    with start("opt-in", shell=shell) as one:
        one.wait_for(PROMPT)
        one.type("\x03")
        assert one.end() == 0
    assert "KeyboardInterrupt" in one.output
    assert "^CTraceback" not in one.output
    assert one.output.endswith("\nended 130\n")
    assert not place.exists()
    assert (place.parents[1] / "before").read_text() == (place.parents[1] / "after").read_text() != ""
    with start("opt-in") as two:
        two.wait_for(PROMPT)
        two.type("\n")
        assert two.end() == 0


NEVER: dict[str, dict[str, Any]] = {
    "stdout is a pipe": {"shell": "$MYTOOL | cat"},
    "stdout is a file": {"shell": "$MYTOOL > out.txt; cat out.txt"},
    "stderr is a file": {"shell": "$MYTOOL 2> err.txt; cat err.txt"},
    "stderr is closed": {"shell": "$MYTOOL 2>&-"},
    "stdin is a file": {"stdin": "/dev/null"},
    "stdin is a pipe": {"shell": "yes | $MYTOOL"},
    "stdin is closed": {"shell": "$MYTOOL <&-"},
    "in the background": {"shell": "set -m; $MYTOOL < /dev/tty & wait"},
    "another session": {"shell": "setsid -w $MYTOOL"},
    "raw": {"shell": "stty -icanon; $MYTOOL"},
    "typed ahead": {"shell": "sleep 0.5; $MYTOOL", "typed": "y\n"},
    "help": {"words": ("search", "--help")},
    "completion": {"_MYTOOL_COMPLETE": "bash_source"},
    "CI": {"CI": "true", "MYTOOL_TELEMETRY_CI": "true"},
    "tox": {"TOX_ENV_NAME": "py"},
    "agent": {"CLAUDECODE": "1"},
    "dumb": {"TERM": "dumb"},
    "no home": {"HOME": None, "USERPROFILE": None},
    "no": {"DO_NOT_TRACK": "1"},
    "yes": {"MYTOOL_TELEMETRY_OPT_IN": "true", "MYTOOL_TELEMETRY_DEBUG": "1"},
}
ALSO_TOLD = {"stdout is a pipe", "stdout is a file", "stdin is a file", "stdin is a pipe", "stdin is closed", "raw"}
ALSO_TOLD |= {"typed ahead"}


@pytest.mark.parametrize("mode", ["opt-in", "opt-out"])
@pytest.mark.parametrize("case", NEVER)
def test_never(start: Any, tmp_path: Path, case: str, mode: str) -> None:
    """Nobody is asked, and nothing is kept, in any of these; a notice needs no stdin and no stdout, and no more."""
    options = dict(NEVER[case])
    typed, words = options.pop("typed", ""), options.pop("words", ())
    shell = f"cd {tmp_path}; {options.pop('shell', '$MYTOOL')}"
    with start(mode, *words, shell=shell, **options) as terminal:
        terminal.type(typed)
        assert terminal.end() == 0
    told = mode == "opt-out" and case in ALSO_TOLD
    assert ("unless you say no" in terminal.output) == told
    assert PROMPT not in terminal.output
    assert f"told {told if mode == 'opt-out' else None}" in terminal.output
    assert (tmp_path / "home" / ".mytool").exists() == told


def test_stdout_is_the_hosts_alone(start: Any, tmp_path: Path) -> None:
    """The bytes of stdout are the same, with a notice or without."""
    shell = f"cd {tmp_path}; $MYTOOL > first.txt; $MYTOOL > second.txt"
    with start("opt-out", shell=shell) as terminal:
        assert terminal.end() == 0
    assert terminal.output.count("unless you say no") == 1
    assert (tmp_path / "first.txt").read_bytes() == b"told True False\n"
    assert (tmp_path / "second.txt").read_bytes() == b"told False True\n"


def test_what_the_run_of_a_notice_starts_is_not_recorded(start: Any, program: str, place: Path, tmp_path: Path) -> None:
    """A tool that runs itself again in the run that showed the notice records nothing there either."""
    outer = tmp_path / "outer.py"
    text = "import discreet, os\nt = discreet.Telemetry('mytool', consent='opt-out')\nassert t.notice()\n"
    outer.write_text(f"{text}os.system(os.environ['MYTOOL'])\n")
    with start("opt-out", shell=f"{sys.executable} {outer}") as terminal:
        assert terminal.end() == 0
    assert "told False False" in terminal.output
    assert os.listdir(place) == ["notice"]


def test_a_question_loads_nothing_where_none_is_asked(run_python: Any) -> None:
    """Without a terminal neither question nor notice opens a room beyond their own."""
    program = (
        "import sys, discreet\nt = discreet.init('mytool')\nassert t.ask() is None\n"
        "assert discreet.Telemetry('mytool', consent='opt-out').notice() is False\n"
        "print(*(name for name in sys.modules if name.startswith('discreet') or name in "
        "('typing', 'termios', 'select', 'textwrap', 'json')))\n"
    )
    done = run_python(program, flags=["-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r}); {RUN}"])
    assert (done.returncode, done.stderr) == (0, "")
    ours = "discreet discreet.names discreet.telemetry discreet.hosts discreet.hosts.asking discreet.hosts.terminal"
    assert set(done.stdout.split()) == set(ours.split())


SOURCE = Path(asking.__file__).parents[2]
RUN = "exec(open(sys.argv.pop(1)).read())"


def test_whoever_reads_is_not_hurried(answers: Any, undecided: Any, capsys: Any) -> None:
    """After `?` there are ten minutes, which is said below the page, and however often it is read it is no answer."""
    answers += [*["?\n"] * 7, "y\n"]
    assert undecided().ask() is True
    err = capsys.readouterr().err
    assert err.count("No is the default: press Enter, or wait 30 seconds.") == 1
    assert err.count("No is the default: press Enter, or wait 600 seconds.\n") == 7


def test_five_words_that_are_no_answer(answers: Any, undecided: Any, capsys: Any) -> None:
    """The last is told that it was none, instead of what could be typed."""
    answers += ["what\n"] * 5
    assert undecided().ask() is False
    err = capsys.readouterr().err
    assert err.count("Type y for yes") == 4
    assert "None of that is a yes.\nNothing is recorded." in err
