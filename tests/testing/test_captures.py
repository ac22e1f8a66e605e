"""`capture`: what a host would record, in memory; and that nothing of it stays."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import discreet
from discreet import Destination, Telemetry, testing
from discreet.telemetry import Recorder
from discreet.testing import Captured, capture

Make = Callable[..., Telemetry]


@pytest.fixture(autouse=True)
def _own_default(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No default instance of this test stays behind."""
    monkeypatch.setattr(discreet, "_default", discreet.telemetry.Recorder)
    yield
    discreet.close(5.0)


def test_a_named_instance(home: Path) -> None:
    """What passes the filter is in the list, though nobody said yes and a test runner is running; the rest is counted.
    No file is made, and afterwards the instance is off as before.
    """
    telemetry = Telemetry("mytool", fields={"query": "text_count"})
    telemetry.track("search", n=12)
    assert telemetry.off
    with capture(telemetry) as events:
        assert telemetry.enabled
        telemetry.track("search", query="a secret", n=12, other="a secret")
        with telemetry.command("import") as scope:
            scope.add(files=3)
        with telemetry.session() as session:
            session.count("searches", 2)
        assert telemetry.flush()
        assert telemetry.close()
    assert events[0] == Captured("search", {"query": 8, "n": 12}) == ("search", {"query": 8, "n": 12})
    assert [event.event for event in events] == ["search", "command", "session"]
    assert events[1].properties["files"] == 3
    assert events[2].properties["searches"] == 2
    assert events.dropped == {"undeclared_value": 1}
    telemetry.track("search", n=12)
    assert len(events) == 3
    assert not telemetry.enabled
    assert telemetry.losses == {}
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("thing", ["x", 5, Telemetry, True])
def test_what_is_no_telemetry(thing: Any) -> None:
    """It is refused by a sentence, and nothing was changed."""
    before = Recorder.__init__
    with pytest.raises(TypeError, match=r"^capture takes a Telemetry, .* not "), capture(thing):
        pytest.fail("it began")
    assert Recorder.__init__ is before


@pytest.mark.parametrize("level", ["x", "", "Basic", True, 1, ["basic"]])
def test_what_is_no_level(level: Any) -> None:
    """It is refused by a sentence that names those that there are."""
    with pytest.raises(ValueError, match=r"^level must be one of basic, enhanced, .* not "), capture(level=level):
        pytest.fail("it began")


def test_the_default_instance(home: Path) -> None:
    """The default instance is captured, one that exists and one that is made inside, and the former is back after."""
    former = discreet.init("former")
    with capture() as events:
        discreet.track("before", n=1)
        later = discreet.init("later")
        discreet.track("after", n=2)
        Telemetry("more").track("third", n=3)
    assert events == [("before", {"n": 1}), ("after", {"n": 2}), ("third", {"n": 3})]
    assert discreet._default is former
    for telemetry in (former, later, Telemetry("new")):
        assert not telemetry.enabled
        telemetry.track("search", n=1)
    assert len(events) == 3
    assert list(home.iterdir()) == []


@pytest.mark.usefixtures("home")
def test_an_instance_of_a_manifest(tmp_path: Path) -> None:
    """One that a manifest declares is captured as well, though the rooms of manifests are first entered inside."""
    (tmp_path / "telemetry.toml").write_text('name = "mytool"\n\n[events.search.fields]\nfmt = {one_of = ["json"]}\n')
    program = """
import discreet
from discreet.testing import capture
with capture() as events:
    discreet.Telemetry.from_manifest("telemetry.toml", version="1").track("search", fmt="json")
print(*events)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "Captured(event='search', properties={'fmt': 'json'})\n"


def test_another_instance_is_left_alone(make_telemetry: Make) -> None:
    """A named instance is captured alone; others record as ever."""
    real, named = make_telemetry(), Telemetry("named")
    with capture(named) as events:
        real.track("search", n=1)
        named.track("search", n=2)
        discreet.init("third").track("search", n=3)
    assert events == [("search", {"n": 2})]
    assert real.flush(10.0)
    assert Path(real.paths["log"]).read_text().count("\n") == 1


def test_everything_is_restored(make_telemetry: Make) -> None:
    """An instance that records for real does so before and after, with nothing captured on its log."""
    telemetry = make_telemetry()
    make = Recorder.__init__
    telemetry.track("search", n=1)
    state = dict(vars(telemetry))
    with pytest.raises(ValueError, match="invalid literal"), capture(telemetry), telemetry.command("inside"):
        telemetry.track("search", n=int("x"))
    assert vars(telemetry) == state
    with capture():
        assert Recorder.__init__ is not make
    assert Recorder.__init__ is make
    telemetry.track("search", n=3)
    assert telemetry.close(10.0)
    lines = Path(telemetry.paths["log"]).read_text().splitlines()
    assert [line.rpartition('"properties":')[2] for line in lines] == ['{"n":1}}', '{"n":3}}']


def test_one_inside_another() -> None:
    """Of two captures the inner one gets the events, and then the outer one again."""
    with capture() as outer:
        telemetry = discreet.init("mytool")
        with capture(telemetry) as inner:
            discreet.track("search", n=1)
        discreet.track("search", n=2)
    assert (inner, outer) == ([("search", {"n": 1})], [("search", {"n": 2})])


def test_what_needs_an_installation(home: Path) -> None:
    """Hashes, lots and samples come out the same each time, and make no secret."""
    declared = {"fields": {"path": "hash", "vim": {"boolean": {"epsilon": 1.0}}}, "sample": 0.000001}
    telemetry = Telemetry("mytool", events={"search": declared})
    with capture(telemetry) as events:
        telemetry.track("search", path="/home/ada", vim=True)
    assert events == [("search", {"sample_rate": 0.000001, "path": "0" * 16, "vim": "<by lot>"})]
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(("level", "expected"), [("basic", {}), ("enhanced", {"n": 1})])
def test_levels(level: str, expected: dict[str, Any]) -> None:
    """A field of the level enhanced is captured of a user who agreed to it only."""
    telemetry = Telemetry("mytool", fields={"n": discreet.Number(level="enhanced")})
    with capture(telemetry, level=level) as events:
        telemetry.track("search", n=1)
    assert events == [("search", expected)]


@pytest.mark.parametrize("level", ["basic", None])
def test_off_in_the_code(level: str | None) -> None:
    """What the code itself has switched off records nothing."""
    telemetry = Telemetry("mytool", consent="off")
    with capture(telemetry, level=level) as events:
        telemetry.track("search", n=1)
        assert not telemetry.enabled
    assert events == []


@pytest.mark.parametrize(
    ("variables", "number"),
    [
        ({}, 0),
        ({"MYTOOL_TELEMETRY_OPT_IN": "true"}, 1),
        ({"MYTOOL_TELEMETRY_OPT_IN": "true", "GITHUB_ACTIONS": "true"}, 1),
        ({"MYTOOL_TELEMETRY_OPT_IN": "true", "DO_NOT_TRACK": "1"}, 0),
    ],
    ids=str,
)
def test_the_gate_decides(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], number: int) -> None:
    """With `level=None` it is the gate that decides, and only its rows for test runners and CI are lifted."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    telemetry = Telemetry("mytool")
    assert not telemetry.decision.enabled
    with capture(telemetry, level=None) as events:
        telemetry.track("search", n=1)
    assert len(events) == number
    assert telemetry.lifted == ()


def below(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, with its content."""
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


VERBS = (["status"], ["off"], ["on", "--enhanced"], ["log", "sync"], ["preview"], ["clear", "--yes"], ["on"])


@pytest.mark.parametrize("whose", ["named", "default", "made inside", "manifest"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"data_dir": "~/elsewhere"},
        {"files": {"consent": "yes", "log": "log"}},
        {"consent": "opt-out"},
        {"consent": "off"},
    ],
    ids=str,
)
def test_no_verb_reaches_the_users_own_files(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: dict[str, Any], whose: str
) -> None:
    """Whatever is typed inside, the answer, the log and all else of whoever runs the tests stay as they are."""
    (tmp_path / "telemetry.toml").write_text('name = "mytool"\n')
    make: Callable[..., Telemetry] = {
        "named": Telemetry,
        "default": discreet.init,
        "made inside": Telemetry,
        "manifest": lambda _, **given: Telemetry.from_manifest(tmp_path / "telemetry.toml", **given),
    }[whose]
    real = make("mytool", **options)
    place = Path(real.paths.directory)
    place.mkdir(parents=True)
    for name in real.paths.files.values():
        (place / name).write_text("false" if name == real.paths.files["consent"] else "mine")
    before, paths = below(home), real.paths
    with capture(None if whose in ("default", "made inside") else real):
        telemetry = make("mytool", **options) if whose == "made inside" else real
        directory = Path(telemetry.paths.directory)
        assert not directory.is_relative_to(home)
        assert telemetry.flag("new", rollout=1.0) is (None if options.get("consent") == "off" else True)
        for verb in VERBS:
            assert telemetry.main(verb) == 0
        assert (directory / telemetry.paths.files["consent"]).read_text().startswith("true ")
        assert below(home) == before
    assert not directory.exists()
    assert not directory.parent.parent.exists()
    assert real.paths is paths
    assert below(home) == before
    assert str(home) not in capsys.readouterr().out


@pytest.mark.parametrize("variables", [{"MYTOOL_TELEMETRY_DIR": "{home}/there"}, {"HOME": ""}], ids=str)
def test_wherever_the_environment_has_the_files(
    monkeypatch: pytest.MonkeyPatch, home: Path, capsys: pytest.CaptureFixture[str], variables: dict[str, str]
) -> None:
    """A directory that a variable names is as safe, and without any home the verbs have a place as well."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(home=home))
    telemetry = Telemetry("mytool")
    with capture(telemetry):
        assert telemetry.main(["off"]) == telemetry.main(["clear", "--yes"]) == telemetry.main(["on"]) == 0
        assert telemetry.main(["status"]) == 0
    assert str(home) not in capsys.readouterr().out
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("level", ["basic", "enhanced"])
def test_the_state_that_is_told(capsys: pytest.CaptureFixture[str], level: str) -> None:
    """The verbs know of the yes that is taken for granted."""
    telemetry = Telemetry("mytool")
    with capture(telemetry, level=level):
        assert telemetry.main(["status"]) == 0
        assert capsys.readouterr().out.startswith(
            f"Telemetry of mytool is on ({level}): {telemetry.paths['consent']} says"
        )


@pytest.mark.parametrize("level", ["basic", None])
@pytest.mark.parametrize("verb", [["off"], ["clear", "--yes"]])
def test_a_no_inside(home: Path, level: str | None, verb: list[str]) -> None:
    """Who says no inside is not recorded from then on: not by that object, even after another yes, as in any process;
    nor by another one of the tool, which is on again after a yes.
    """
    if level is None:  # the answer that the gate goes by
        (home / ".mytool" / "telemetry").mkdir(parents=True)
        (home / ".mytool" / "telemetry" / "opt-in").write_text("true")
    with capture(level=level) as events:
        telemetry = discreet.init("mytool")
        telemetry.track("search", n=1)
        assert telemetry.main(verb) == 0
        telemetry.track("search", n=2)
        assert not telemetry.enabled
        Telemetry("mytool").track("search", n=3)
        assert telemetry.main(["on"]) == 0
        telemetry.track("search", n=4)
        Telemetry("mytool").track("search", n=5)
    assert [event.properties["n"] for event in events] == [1, 5]
    assert events.dropped == {"consent": 1}


SECOND_OBJECTS: list[dict[str, Any]] = [{}, {"files": {"consent": "telemetry.opt-in"}}, {"data_dir": "~/elsewhere"}]


@pytest.mark.parametrize("level", ["basic", None])
@pytest.mark.parametrize("second", SECOND_OBJECTS, ids=str)
@pytest.mark.parametrize("first", [*SECOND_OBJECTS, {"consent": "off"}], ids=str)
def test_two_objects_of_one_name(
    make_telemetry: Make, first: dict[str, Any], second: dict[str, Any], level: str | None
) -> None:
    """Whatever file holds the answer of each, and whatever the code of the other says, each finds its own there."""
    if level is None:
        for options in (first, second):
            telemetry = make_telemetry(**options)
            Path(telemetry.paths["consent"]).write_text("true")
    with capture(level=level) as events:
        one, two = Telemetry("mytool", **first), Telemetry("mytool", **second)
        one.track("search", n=1)
        two.track("search", n=2)
    assert [event.properties["n"] for event in events] == ([2] if "consent" in first else [1, 2])
    assert events.dropped == {}


def test_an_answer_inside_is_not_replaced() -> None:
    """A no that an object without a yes of its own has typed is that of the tool."""
    with capture() as events:
        assert Telemetry("mytool", consent="off").main(["off"]) == 0
        Telemetry("mytool").track("search", n=1)
    assert events == []


@pytest.mark.parametrize("level", ["basic", None])
def test_many_threads_make_objects(make_telemetry: Make, level: str | None) -> None:
    """Each of them is captured, though they all come to the same home at once."""
    make_telemetry()
    start, failed = threading.Barrier(20), []

    def work() -> None:
        start.wait()
        try:
            Telemetry("mytool").track("search")
        except OSError as error:
            failed.append(error)

    for _ in range(10):
        with capture(level=level) as events:
            threads = [threading.Thread(target=work) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert (len(events), failed) == (20, [])


def test_the_gate_and_the_verbs_agree(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With `level=None` an object finds a copy of the real answer, which a verb changes for all that come later."""
    place = home / ".mytool" / "telemetry"
    place.mkdir(parents=True)
    (place / "opt-in").write_text("false 2026-11-20T10:30:00Z\n")
    with capture(level=None) as events:
        first = Telemetry("mytool")
        assert first.decision.reason == f"{first.paths['consent']} says false since 2026-11-20T10:30:00Z"
        for verb, on in (("on", True), ("off", False), ("on", True)):
            assert first.main([verb]) == 0
            capsys.readouterr()
            telemetry = Telemetry("mytool")
            telemetry.track("search")
            assert telemetry.main(["status"]) == 0
            assert telemetry.enabled is on
            assert telemetry.decision.reason in capsys.readouterr().out
    assert len(events) == 2
    assert below(home) == {str(place / "opt-in"): b"false 2026-11-20T10:30:00Z\n"}


@pytest.mark.parametrize(
    ("present", "options", "on"),
    [
        ({"opt-in": "enhanced"}, {}, True),
        ({"enabled": ""}, {}, True),
        ({"enabled": "", "opt-in": "false"}, {}, False),
        ({"opt-in": ""}, {"consent": "opt-out"}, False),
        ({"notice": "2026-11-20T10:30:00Z 5f1c9a0b7d3e4f21"}, {"consent": "opt-out"}, True),
        ({"notice": "2026-11-20T10:30:00Z 5f1c9a0b7d3e4f21"}, {}, False),
        ({}, {"consent": "opt-out"}, False),
        ({"opt-in/a directory": ""}, {"consent": "opt-out"}, False),
    ],
    ids=str,
)
def test_every_answer_is_copied(home: Path, present: dict[str, str], options: dict[str, Any], on: bool) -> None:
    """With `level=None` the gate says inside what it says outside: on, off, at which level, by which row."""
    for name, text in present.items():
        path = home / ".mytool" / "telemetry" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    real = Telemetry("mytool", **options)
    testing.allow(real)
    with capture(level=None):
        telemetry = Telemetry("mytool", **options)
        assert telemetry.enabled is real.decision.enabled is on
        assert (telemetry.decision.level, telemetry.decision.row) == (real.decision.level, real.decision.row)


def test_without_a_home_the_gate_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `level=None` no other place is put in that of the one that is missing, not even after a verb."""
    monkeypatch.setenv("HOME", "")
    monkeypatch.setenv("MYTOOL_TELEMETRY_OPT_IN", "true")
    with capture(level=None) as events:
        telemetry = Telemetry("mytool")
        assert telemetry.main(["on"]) == 1
        for one in (telemetry, Telemetry("mytool")):
            one.track("search")
            assert one.decision.reason == "HOME is not set"
    assert events == []


def test_why_it_is_off_inside() -> None:
    """After `off` a decision says so, of an object that has recorded before and of one that was made since."""
    with capture() as events:
        telemetry = Telemetry("mytool")
        assert telemetry.main(["off"]) == 0
        telemetry.track("search")
        for one in (telemetry, Telemetry("mytool")):
            assert one.decision.reason.startswith(f"{telemetry.paths['consent']} says false since 20")
        assert telemetry.main(["clear", "--yes"]) == 0
        assert Telemetry("mytool").decision.reason == "nobody has said yes"
    assert events == []


def test_a_record_that_is_too_large() -> None:
    """What the log would not take is not captured."""
    items = [f"{n:060}" for n in range(400)]
    telemetry = Telemetry("mytool", events={"search": {"all": {"distribution": items}}})
    with capture(telemetry) as events:
        telemetry.track("search", all=items)
    assert (events, events.dropped) == ([], {"record_size": 1})


def test_the_names() -> None:
    """Every public name is there, and no other one; asking for `allow` loads none of the rooms behind."""
    assert all(hasattr(testing, name) for name in testing.__all__)
    with pytest.raises(AttributeError, match="assert_nothing"):
        testing.assert_nothing  # noqa: B018  # to ask for it is the test
    program = "import sys, discreet.testing as t; t.allow; print(*[name for name in sys.modules if 'testing.' in name])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.skipif(os.name != "posix", reason="waits for children")
def test_the_plugin(pytester_like: Callable[..., str], home: Path) -> None:
    """The fixture of the plugin captures, and in its test nothing can be sent, not even by an instance that was made
    before and not by the verb; a test without it is as if the plugin were not there.
    """
    output = pytester_like(
        conftest='pytest_plugins = ["discreet.testing.pytest_plugin"]',
        module="""
import os, pytest, socket
import discreet
from discreet.sending.connection import Connection
from discreet.testing import allow

server = socket.create_server(("127.0.0.1", 0))
server.settimeout(0.3)
url = f"http://127.0.0.1:{server.getsockname()[1]}/t"
there = discreet.Destination(url, batch_size=1, batch_interval=0)
early = discreet.Telemetry("early", destination=there)
allow(early)
early.track("search", n=1)
assert early.flush(10.0)
late = discreet.Telemetry("late", destination=there, delivery="thread")
allow(late)
reach = Connection.reach

def test_captured(discreet_events):
    telemetry = discreet.init("mytool", destination=there)
    telemetry.track("search", n=1)
    telemetry.close()
    assert discreet_events == [("search", {"n": 1})]

def test_nothing_is_sent(discreet_events, capsys):
    late.track("search", n=1)
    assert late.close(10.0)
    assert early.close(10.0)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert early.main(["flush"]) == 1
    try:
        server.accept()
    except TimeoutError:
        return
    raise AssertionError("somebody connected")

def test_without_it():
    assert Connection.reach is reach
    assert not discreet.Telemetry("mytool").enabled
""",
    )
    assert "3 passed" in output


@pytest.mark.parametrize(
    "made", ['discreet.Telemetry("late", fields=FIELDS)', 'discreet.Telemetry.from_manifest("t.toml")']
)
def test_the_plugin_is_told_of_an_object(
    pytester_like: Callable[..., str], home: Path, tmp_path: Path, made: str
) -> None:
    """A tool whose object is neither the default one nor made in the test names it once, by a fixture of its own."""
    (tmp_path / "t.toml").write_text('name = "late"\n\n[fields]\nquery = "text_count"\n')
    output = pytester_like(
        conftest=f"""
import discreet, pytest

pytest_plugins = ["discreet.testing.pytest_plugin"]
FIELDS = {{"query": "text_count"}}
telemetry = {made}

@pytest.fixture
def discreet_telemetry():
    return telemetry
""",
        module="""
import os
from conftest import telemetry

def test_captured(discreet_events):
    telemetry.track("search", query="a word")
    assert discreet_events == [("search", {"query": 6})]

def test_its_verbs_work_elsewhere(discreet_events):
    assert telemetry.main(["off"]) == telemetry.main(["clear", "--yes"]) == 0
    telemetry.track("search", query="a word")
    assert discreet_events == []

def test_without_it():
    assert not telemetry.enabled
""",
    )
    assert "3 passed" in output
    assert below(home / ".late") == {str(home / ".late" / "telemetry" / "opt-in"): b"true\n"}


@pytest.fixture
def pytester_like(tmp_path: Path, home: Path) -> Callable[..., str]:
    """Run pytest on a module and its conftest, for a user who agreed to the tools `early` and `late`."""

    def run(conftest: str, module: str) -> str:
        (tmp_path / "conftest.py").write_text(conftest)
        (tmp_path / "test_host.py").write_text(module)
        for tool in ("early", "late"):
            directory = home / f".{tool}" / "telemetry"
            directory.mkdir(parents=True)
            (directory / "opt-in").write_text("true\n")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_host.py"]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # a host needs none of this project's
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=50
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_a_destination_is_never_reached(home: Path) -> None:
    """A captured instance builds nobody who could deliver."""
    telemetry = Telemetry("mytool", destination=Destination("http://127.0.0.1:9/t", batch_size=1, batch_interval=0))
    with capture(telemetry) as events:
        telemetry.track("search", n=1)
        telemetry.close()
    assert len(events) == 1
    assert list(home.iterdir()) == []
