"""The verb `report`, driven as a user would: what it reads and leaves out, each form, and every kind of terminal."""

import contextlib
import csv
import gzip
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.hosts import exit_status
from cli.test_verbs import clean, fill, record, said
from conftest import clean_environment
from discreet import cli
from discreet.log import timestamp
from discreet.report.summarize import NONE, OTHERS
from terminal import Terminal

TOOL = [sys.executable, "-W", "error", "-m", "discreet", "--tool", "mytool"]
Report = Callable[..., Any]


@pytest.fixture
def place(home: Path) -> Path:
    """The data directory of the tool; not made yet."""
    return home / ".mytool" / "telemetry"


@pytest.fixture
def report(home: Path) -> Report:
    """Run `discreet --tool mytool report ...`; its stdout is no terminal. As a child if that has a world of its own,
    such as a directory or variables; else in this process, without a tenth of a second for an interpreter.
    """

    def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        command = ["report", *arguments]
        if not options:
            return within(*command)
        env = {**clean_environment(home), **options.pop("env", {})}
        command[:0] = TOOL
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False, **options)

    return run


def within(*arguments: str) -> subprocess.CompletedProcess[str]:
    """How the verb ends in this process, and what it prints, of whatever bytes."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = exit_status("--tool", "mytool", *arguments)
    said, complained = (stream.buffer.getvalue().decode() for stream in (out, err))
    return subprocess.CompletedProcess(arguments, status, said, complained)


def on_a_terminal(home: Path, *arguments: str, **variables: str) -> str:
    """What the verb prints on a terminal of a size that the variables say."""
    env = {
        **clean_environment(home),
        "COLUMNS": "90",
        "TERM": "xterm-256color",
        "PYTHONIOENCODING": "utf-8",
        **variables,
    }
    with Terminal([*TOOL, "report", *arguments], env) as terminal:
        assert terminal.end() == 0
        return terminal.output


# ---- what is read


def test_all_files_of_the_log_or_those_named(report: Report, place: Path, tmp_path: Path) -> None:
    """`report` adds up all files of the log; `report FILE ...` those that are named instead, of gzip as well."""
    fill(place, record(1) + record(2), usage_1_jsonl=record(0))
    assert report().stdout.startswith("3 events on 2026-11-20\n")
    (tmp_path / "other.jsonl").write_bytes(record(1, event="push"))
    (tmp_path / "packed").write_bytes(gzip.compress(record(2, event="pull")))
    page = report(*(str(tmp_path / name) for name in ("other.jsonl", "packed")), str(place / "usage.1.jsonl")).stdout
    assert page.startswith("3 events on 2026-11-20\n")
    assert "push" in page
    assert "pull" in page


@pytest.mark.parametrize("path", ["missing.jsonl", "."])
def test_what_is_no_log(report: Report, tmp_path: Path, path: str) -> None:
    """A file that is not there, or is none, exits 1 with a sentence naming it."""
    done = report(path, cwd=tmp_path)
    assert said(done, 1, f"{path}: ")
    assert done.stdout == ""


def test_an_empty_log_says_what_to_do_next(report: Report, place: Path, tmp_path: Path) -> None:
    """How to begin; that it has begun; that the question was too narrow; that the files hold nothing."""
    assert report().stdout == "Nothing is recorded yet. To begin, type:\ndiscreet --tool mytool on\n"
    fill(place)
    assert report(env={}).stdout.startswith("Nothing is recorded yet, but telemetry is on")  # not so under pytest
    (tmp_path / "empty").write_bytes(b"")
    assert report(str(tmp_path / "empty")).stdout == "There is no record in these files.\n"
    fill(place, record(1))
    for narrow in (("--event", "other"), ("--since", "2026-11-21"), ("--until", "2026-11-19")):
        done = report(*narrow)
        assert done.stdout.startswith("Nothing was recorded that this asks for. Leave out --since, --until or --event")
        assert done.returncode == 0


def test_what_is_said_of_nothing_is_true(report: Report, place: Path, tmp_path: Path) -> None:
    """Lines that are no records change nothing about that, and are told as well; the page says the same."""
    lost = b"torn\n{}\n"
    (tmp_path / "lost.jsonl").write_bytes(lost)
    fill(place, lost)
    told = {
        "Nothing is recorded yet, but telemetry is on: what is used from now on will be.": ((), {}),
        "Nothing is recorded yet. To begin, type:": ((), {"MYTOOL_NO_TELEMETRY": "1"}),
        "There is no record in these files.": ((str(tmp_path / "lost.jsonl"),), {}),
        "Nothing was recorded that this asks for.": (("--since", "7d"), {}),
    }
    for sentence, (arguments, env) in told.items():
        for form in ((), ("--html", "-")):
            page = report(*arguments, *form, env=env).stdout.replace("\n", " ")
            assert sentence in page
            assert "be used: 1 torn, 1 foreign." in page
            assert [other for other in told if other in page] == [sentence]


def test_a_file_is_counted_once(report: Report, tmp_path: Path) -> None:
    """Also where it is given twice, by two paths, or by two names."""
    (tmp_path / "a.jsonl").write_bytes(record(1))
    (tmp_path / "b.jsonl").write_bytes(record(2))
    (tmp_path / "link").symlink_to("a.jsonl")
    paths = ("a.jsonl", "b.jsonl", str(tmp_path / "a.jsonl"), "link", "./b.jsonl")
    assert events(report("--json", *paths, cwd=tmp_path)) == 2


def events(done: subprocess.CompletedProcess[str]) -> int:
    """How many events the JSON form counts."""
    assert (done.returncode, done.stderr) == (0, "")
    return int(json.loads(done.stdout)["events"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), 4),
        (("--since", "2026-11-20"), 3),
        (("--until", "2026-11-20"), 3),
        (("--since", "2026-11-20", "--until", "2026-11-20"), 2),
        (("--since", "2026-11-20T10:30:01Z"), 2),
        (("--until", "2026-11-20T10:30:00Z"), 1),
        (("--event", "sync"), 3),
        (("--event", "sync", "--event", "push"), 4),
        (("--event", "sync", "--since", "2026-11-21"), 0),
    ],
)
def test_only_what_is_asked_for(report: Report, place: Path, arguments: tuple[str, ...], expected: int) -> None:
    """A day means all of it, as a beginning and as an end; a moment is from then on, or before then."""
    times = ("2026-11-19T23:59:59Z", "2026-11-20T10:30:00Z", "2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z")
    kinds = ("sync", "sync", "sync", "push")
    lines = [record(n, time=when, event=kind) for n, (when, kind) in enumerate(zip(times, kinds, strict=True))]
    fill(place, b"".join(lines))
    assert events(report("--json", *arguments)) == expected


def test_ages(report: Report, place: Path) -> None:
    """`7d`, `24h` and `2w` are counted back from now."""
    now = time.time()
    hours = (1, 23, 25, 6 * 24, 8 * 24, 13 * 24, 15 * 24)
    fill(place, b"".join(record(n, time=timestamp(now - 3600 * ago)) for n, ago in enumerate(hours)))
    found = [events(report("--json", "--since", ago)) for ago in ("24h", "1d", "7d", "1w", "2w", "99999w")]
    assert found == [2, 2, 4, 4, 6, 7]
    assert events(report("--json", "--until", "24h")) == 5


def test_by_a_field(report: Report, place: Path) -> None:
    """The values of a field have rows of their own, and what lacks it has one, too."""
    lines = [record(n, properties={"fmt": fmt} if fmt else {}) for n, fmt in enumerate(("json", "json", "table", ""))]
    fill(place, b"".join(lines))
    rows = json.loads(report("--json", "--by", "fmt").stdout)["rows"]
    assert {row["by"]: row["count"] for row in rows} == {"json": 2, "table": 1, "(none)": 1}
    page = report("--by", "version").stdout
    assert "sync, 1.4.0" in page


@pytest.mark.parametrize("form", [(), ("--json",), ("--csv",)])
def test_by_a_field_that_nothing_has(report: Report, place: Path, form: tuple[str, ...]) -> None:
    """It is said on stderr, and the rest is as ever; one record that has it is enough for silence."""
    fill(place, record(1) + record(2, event="push"))
    done = report("--by", "nofield", *form)
    assert said(done, 0, "--by nofield: no record has a field of this name")
    assert "push" in done.stdout
    fill(place, record(1) + record(2, properties={"nofield": 1}))
    assert report("--by", "nofield", *form).stderr == ""
    (place / "usage.jsonl").unlink()
    assert report("--by", "nofield", *form).stderr == report(*form).stderr == ""


@pytest.mark.parametrize("form", [(), ("--json",), ("--csv",)])
@pytest.mark.parametrize(
    ("held", "field"),
    [({"py": 2, "C++": 1}, "py"), ({"C++": 3, "py": 1}, "py"), ({"kind": "a", "n": 1}, "kind"), ({"C++": 1}, "")],
)
def test_by_a_mapping(report: Report, place: Path, form: tuple[str, ...], held: dict[str, Any], field: str) -> None:
    """Every record has it, and there is no one value to go by: it is said what can be asked for, which then works."""
    fill(place, record(1, properties={"within": held}) + record(2, properties={"within": held}))
    done = report("--by", "within", *form)
    if not field:
        assert said(done, 0, "--by within: that is a mapping, and nothing within it can be asked for")
        return
    wanted = f"within/{field}"
    assert said(
        done, 0, f"--by within: that is a mapping; what can be asked for is a field within it, such as --by {wanted}"
    )
    assert report("--by", wanted, *form).stderr == ""
    done = report("--by", "within/nofield", *form)
    assert said(done, 0, "--by within/nofield: no record has a field of this name")


def test_by_a_field_that_nothing_has_in_a_log_of_many_rows() -> None:
    """What is added up as the rest says nothing of the field."""
    found: Any = {"by": "x", "rows": [{"event": "sync", "by": NONE}, {"event": OTHERS, "by": OTHERS}], "fields": []}
    said: list[str] = []
    cli.report._tell_of_by(SimpleNamespace(complain=said.append), found)  # type: ignore[arg-type]
    assert said == ["--by x: no record has a field of this name"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "yesterday"),
        ("--by", "a/"),
        ("--by", "a/b/c"),
        ("--since", "7"),
        ("--since", "1.5d"),
        ("--until", "2026-02-30"),
        ("--since", ""),
        ("--since", "2026-11-20 10:30"),
        ("--by", "A B"),
        ("--event", "Sync"),
        ("--by", ""),
        ("--html", ""),
    ],
)
def test_wrong_use(report: Report, arguments: tuple[str, ...]) -> None:
    """What is no age, day, moment or name exits 2 with a sentence that names the option."""
    assert said(report(*arguments), 2, arguments[0], "wants")


@pytest.mark.parametrize("forms", [("--json", "--csv"), ("--json", "--html", "x"), ("--csv", "--html", "x")])
def test_one_form_at_a_time(report: Report, forms: tuple[str, ...], tmp_path: Path) -> None:
    """Two forms at once are a wrong use, and nothing is written."""
    done = report(*forms, cwd=tmp_path)
    assert done.returncode == 2
    assert "not allowed with" in done.stderr
    assert not (tmp_path / "x").exists()


# ---- the forms


def test_for_programs(report: Report, place: Path) -> None:
    """`--json` is one object, `--csv` one table, an empty log included, with nothing else on stdout."""
    assert events(report("--json")) == 0
    assert len(report("--csv").stdout.splitlines()) == 1
    fill(place, record(1, event="größer") + record(2, properties={"fmt": "größer"}) + b"torn\n")
    found = json.loads(report("--json", env={"PYTHONIOENCODING": "ascii"}).stdout)
    assert found["skipped"] == {"foreign": 1, "torn": 1}
    assert [one["value"] for one in found["fields"][0]["values"]] == ["größer"]
    lines = list(csv.DictReader(io.StringIO(report("--csv").stdout)))
    assert [line["value"] for line in lines if line["table"] == "value"] == ["größer"]


def test_a_page(report: Report, place: Path, tmp_path: Path) -> None:
    """`--html` writes the page and says where; an old one is replaced; what cannot be written exits 1."""
    fill(place, record(1))
    (tmp_path / "page.html").write_text("<!doctype HTML>" + "old" * 100_000)
    done = report("--html", "page.html", cwd=tmp_path)
    assert done.stdout == f"Written: {tmp_path / 'page.html'}\n"
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.endswith("</html>\n")
    assert "mytool: report" in text
    assert said(report("--html", str(tmp_path / "no" / "page.html")), 1, "No such file or directory")


DESTROYED = {
    "the first log of many": ("--html", "{logs}/a.jsonl", "{logs}/b.jsonl"),
    "a log": ("{logs}/a.jsonl", "--html", "{logs}/a.jsonl"),
    "a log by another name": ("{logs}/a.jsonl", "--html", "{logs}/link"),
    "a log that begins as a page": ("{logs}/page.jsonl", "--html", "{logs}/page.jsonl"),
    "a log of gzip": ("--html", "{logs}/packed", "{logs}/b.jsonl"),
    "the log": ("--html", "{place}/usage.jsonl"),
    "the log, and others to be read": ("--html", "{place}/usage.jsonl", "{logs}/a.jsonl"),
    "the stored answer": ("--html", "{place}/opt-in"),
    "a page among our files": ("--html", "{place}/page.html"),
    "an empty file among ours": ("--html", "{place}/notice"),
    "a link among ours": ("--html", "{logs}/inside"),
    "a log that begins as a page, by another name": ("{logs}/page.jsonl", "--html", "{logs}/../logs/page.jsonl"),
    "a name that means a yes": ("--html", "{place}/enabled"),
    "anything else": ("--html", "{logs}/thesis.txt"),
}


@pytest.mark.parametrize("arguments", DESTROYED.values(), ids=DESTROYED)
def test_a_page_destroys_nothing(report: Report, place: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """What is no page, is a log to be read, or lies among our files is left as it is: a wrong use, and a sentence."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for name, content in {
        "a.jsonl": record(1),
        "b.jsonl": record(2),
        "page.jsonl": b"<!DOCTYPE html>\n" + record(3),
        "packed": gzip.compress(record(4)),
        "thesis.txt": b"<p>of years</p>",
    }.items():
        (logs / name).write_bytes(content)
    fill(place, record(5))
    (place / "page.html").write_bytes(b"<!DOCTYPE html>")
    (place / "notice").write_bytes(b"")
    (logs / "link").symlink_to("a.jsonl")
    (logs / "inside").symlink_to(place / "id")  # not there
    before = {path: path.read_bytes() for path in (*logs.iterdir(), *place.iterdir()) if path.exists()}
    done = report(*(one.format(logs=logs, place=place) for one in arguments))
    assert said(done, 2, "--html would write", "give it a file of its own, such as --html page.html")
    assert done.stdout == ""
    assert {path: path.read_bytes() for path in (*logs.iterdir(), *place.iterdir()) if path.exists()} == before


@pytest.mark.parametrize("old", [None, b"", b"<!DOCTYPE html>old", b"<!doctype html>\nold"])
def test_a_page_over_an_older_one(report: Report, place: Path, tmp_path: Path, old: bytes | None) -> None:
    """A new name, an empty file and an older page are taken, also through a link."""
    fill(place, record(1))
    (tmp_path / "link").symlink_to("page.html")
    if old is not None:
        (tmp_path / "page.html").write_bytes(old)
    assert report("--html", str(tmp_path / "link")).returncode == 0
    assert (tmp_path / "page.html").read_text().endswith("</html>\n")


def test_a_page_on_stdout(report: Report, place: Path, tmp_path: Path) -> None:
    """`-` is stdout and no file, in UTF-8 whatever the terminal has; so is /dev/stdout; nothing else is said there."""
    fill(place, record(1, properties={"fmt": "größe"}))
    page = report("--html", "-", cwd=tmp_path, encoding="utf-8", env={"PYTHONIOENCODING": "ascii"})
    assert (page.returncode, page.stderr) == (0, "")
    assert page.stdout.startswith("<!DOCTYPE html>")
    assert page.stdout.endswith("</html>\n")
    assert "größe" in page.stdout
    assert list(tmp_path.glob("-")) == []
    assert report("--html", "/dev/stdout", encoding="utf-8").stdout == page.stdout


def test_a_page_says_what_to_type_in_text(home: Path, tmp_path: Path) -> None:
    """The name of a directory is part of the command, and may be anything."""
    command = [*TOOL, "--data-dir", str(tmp_path / "a\x1b[31m\u202eb"), "report", "--html", "-"]
    done = subprocess.run(command, env=clean_environment(home), capture_output=True, timeout=30, check=True)
    page = done.stdout.decode()
    assert "\\x1b[31m\\u202eb" in page
    assert clean(page)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without FIFOs")
def test_a_page_into_a_device(report: Report, place: Path, tmp_path: Path) -> None:
    """A device and a FIFO are no files that hold anything, and are written to."""
    fill(place, record(1))
    assert report("--html", os.devnull).returncode == 0
    os.mkfifo(tmp_path / "fifo")
    with subprocess.Popen(["cat", tmp_path / "fifo"], stdout=subprocess.PIPE, text=True) as reader:
        assert report("--html", str(tmp_path / "fifo")).returncode == 0
        assert reader.communicate(timeout=30)[0].endswith("</html>\n")


def test_the_declaration_is_heard(make_telemetry: Any, capsys: Any) -> None:
    """The tool's own verb knows what was answered by lot; asked without the tool, it does not."""
    telemetry = make_telemetry(fields={"private": {"boolean": {"epsilon": 1.0}}})
    for _ in range(5):
        telemetry.track("search", private=True)
    assert telemetry.flush(5)
    telemetry.main(["report"])
    assert "answered by lot, epsilon 1" in capsys.readouterr().out
    make_telemetry().main(["report"])
    assert "by lot" not in capsys.readouterr().out


# ---- terminals


def test_in_a_pipe_there_are_blocks_and_no_colour(report: Report, place: Path) -> None:
    """Where stdout has block characters they are used, elsewhere ASCII; a pipe has no colours and no chart."""
    fill(place, record(1) + record(2, time="2026-11-18T10:30:00Z"))
    blocks = report(env={"PYTHONIOENCODING": "utf-8", "FORCE_COLOR": "1"}).stdout
    ascii_only = report(env={"PYTHONIOENCODING": "ascii"}).stdout
    assert "█" in blocks
    assert "\x1b" not in blocks
    assert "┤" not in blocks
    assert "##" in ascii_only
    assert ascii_only.isascii()


def test_letters_stay_where_stdout_has_them(report: Report, place: Path) -> None:
    """A text of any writing is shown as it is; where stdout has no such letters, as escapes."""
    fill(place, record(1, properties={"fmt": "größe 日本語"}))
    assert "  größe 日本語  " in report(encoding="utf-8", env={"PYTHONIOENCODING": "utf-8"}).stdout
    assert "  größe \\u65e5" in report(encoding="latin-1", env={"PYTHONIOENCODING": "latin-1"}).stdout
    assert "  gr\\xf6\\xdfe \\u65e5" in report(env={"PYTHONIOENCODING": "ascii"}).stdout


def test_on_a_terminal_there_are_colours(home: Path, place: Path) -> None:
    """On a terminal there are, but not with NO_COLOR, nor on a dumb one; an empty NO_COLOR is none."""
    fill(place, record(1) + record(2, time="2026-11-18T10:30:00Z"))
    assert "\x1b[36m" in on_a_terminal(home) or "\x1b[38" in on_a_terminal(home)
    assert "\x1b[" in on_a_terminal(home, NO_COLOR="")
    assert "\x1b" not in on_a_terminal(home, NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(home, TERM="dumb")


def test_the_chart_is_for_terminals(home: Path, place: Path) -> None:
    """With `plotext` a terminal gets its chart, as wide as it is; a dumb one and one without blocks get the table."""
    pytest.importorskip("plotext")
    fill(place, record(1) + record(2, time="2026-11-18T10:30:00Z"))
    page = on_a_terminal(home, NO_COLOR="1")
    assert "events by day (UTC)" in page
    assert 80 < max(map(len, page.splitlines())) <= 90
    for variables in ({"TERM": "dumb"}, {"PYTHONIOENCODING": "ascii"}):
        assert "day (UTC)   events" in on_a_terminal(home, **variables)


@pytest.mark.parametrize("columns", ["40", "72", "300"])
def test_the_width_of_the_terminal(home: Path, place: Path, columns: str) -> None:
    """No line is wider than the terminal says it is, nor than is easy to follow."""
    fill(place, record(1) + record(2, time="2026-11-18T10:30:00Z") + record(3, event="e" * 60))
    page = on_a_terminal(home, COLUMNS=columns, NO_COLOR="1", TERM="dumb")
    assert max(map(len, page.splitlines())) <= min(int(columns), 100)


PROGRESS = """
import sys
from discreet.cli import report
from discreet.__main__ import main
report._SOON = report._STEP = 0.0
sys.exit(main(["--tool", "mytool", "report", *sys.argv[1:]]))
"""


def test_progress(home: Path, place: Path) -> None:
    """On long work a terminal sees a bar on stderr, which is gone in the end; one that is no terminal sees nothing."""
    fill(place, record(1) * 3000)
    env = {**clean_environment(home), "TERM": "dumb", "COLUMNS": "80"}
    command = [sys.executable, "-W", "error", "-c", PROGRESS]
    with Terminal(command, env) as terminal:
        assert terminal.end() == 0
    assert "reading [" in terminal.output
    assert "100 %" in terminal.output
    assert terminal.output.rsplit("\r", 1)[1].startswith("3,000 events")
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_log_that_grows_while_it_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """All of it is all of it."""
    monkeypatch.setattr(cli.report, "_SOON", -1.0)
    cli.report._Progress(10).at(25)
    assert capsys.readouterr().err == f"\rreading [{'#' * 30}] 100 %"


def test_short_work_shows_no_progress(home: Path, place: Path) -> None:
    """What takes less than a second shows no bar, not for an instant either."""
    fill(place, record(1))
    page = on_a_terminal(home, TERM="dumb")
    assert "reading" not in page
    assert "\r" not in page


def test_a_part_says_that_it_is_one(report: Report, place: Path, tmp_path: Path) -> None:
    """On the terminal and on a page that may be passed on; what is there of all says nothing."""
    fill(place, record(1) + record(2, event="push"))
    told = "Asked for: event push, since 2026-11-01."
    page = tmp_path / "page.html"
    assert told in report("--event", "push", "--since", "2026-11-01").stdout
    report("--event", "push", "--since", "2026-11-01", "--html", str(page))
    assert told in page.read_text(encoding="utf-8")
    assert "Asked for" not in report().stdout
    assert "Asked for: usage.jsonl.\n" in report(str(place / "usage.jsonl")).stdout


def test_a_field_within_a_field(report: Report, place: Path) -> None:
    """As the disclosure and the export spell it."""
    fill(place, record(1, properties={"results": {"kind": "x"}}) + record(2, properties={"results": {"kind": "y"}}))
    rows = json.loads(report("--json", "--by", "results/kind").stdout)["rows"]
    assert {row["by"] for row in rows} == {"x", "y"}
    assert "sync: results/kind" in report().stdout


def test_a_time_that_ends_before_it_begins(report: Report) -> None:
    """It says which two, as typed."""
    done = report("--since", "2026-11-20", "--until", "2026-11-19")
    assert said(done, 2, "--since 2026-11-20 is not before --until 2026-11-19")
    done = report("--since", "2026-11-20T10:00:00Z", "--until", "2026-11-20T10:00:00Z")
    assert said(done, 2, "is not before --until 2026-11-20T10:00:00Z")


def test_a_page_says_the_name_of_a_file_as_text(report: Report, place: Path, tmp_path: Path) -> None:
    """Whatever its bytes: nothing in it is obeyed by a terminal, and no older page is lost for it."""
    fill(place, record(1))
    page = tmp_path / "page.html"
    for name in (b"x\x1b[31mred\n.jsonl", b"x\xff.jsonl", b"<b>.jsonl"):
        log = os.fsencode(tmp_path) + b"/" + name
        Path(os.fsdecode(log)).write_bytes((place / "usage.jsonl").read_bytes())
        done = report(os.fsdecode(log), "--html", str(page))
        assert (done.returncode, done.stderr) == (0, "")
        text = page.read_text(encoding="utf-8")
        assert "Asked for: " in text
        assert "\x1b" not in text
        assert "<b>" not in text
