"""The third system, as its user meets it: sessions and searches, conversions, levels, PostHog, flags, every no."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment
from faults.servers import Received, Server, Visit, answering, serving
from process.hosts import wait_until

FOLDER = Path(__file__).parents[2] / "docs" / "examples" / "codefinder"
YES = {"CODEFINDER_TELEMETRY_OPT_IN": "true"}
KEY = "phc_your_key_here"
SECRET = "canary"  # in the folder, in names and texts of files, and in what is asked for
FLAGS = b'{"flags":{"new_reranker":{"key":"new_reranker","enabled":true,"variant":"test"}}}'
Codefinder = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository of four files in two languages, one of which cannot be read as text."""
    folder = tmp_path / f"{SECRET}-project"
    folder.mkdir()
    (folder / f"{SECRET}.py").write_text(f"def authenticate(user, {SECRET}): ...\n")
    (folder / "login.py").write_text("authenticate = authenticate or user(login)\n")
    (folder / "notes.md").write_text("how to bake bread\n")
    (folder / "binary.md").write_bytes(b"\xff\xfe\x00")
    return folder


@pytest.fixture
def run(home: Path, project: Path) -> Codefinder:
    """Run Python in the project, in this test's home; `env` is added to a clean environment."""

    def run(*arguments: str, env: dict[str, str] | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=project,
            env={**clean_environment(home), "DISCREET_DEBUG": "1", **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=25,
            check=False,
        )

    return run


@pytest.fixture
def codefinder(run: Codefinder) -> Codefinder:
    """Run the command in the project."""
    return lambda *arguments, **options: run(str(FOLDER / "codefinder.py"), *arguments, **options)


@pytest.fixture
def program(run: Codefinder) -> Codefinder:
    """Run a program that uses the client; swallowed errors show on its stderr."""

    def program(text: str, **options: Any) -> subprocess.CompletedProcess[str]:
        imports = f"import sys\nsys.path.insert(0, {str(FOLDER)!r})\nimport client as room\n"
        return run("-c", f"{imports}client = room.get_telemetry_client()\n{text}", **options)

    return program


@pytest.fixture
def posthog() -> Iterator[Server]:
    """A PostHog of the user's own on this machine, which has one flag."""

    def behave(visit: Visit) -> None:
        flags = visit.read().target == "/flags/?v=2"
        body = FLAGS if flags else b'{"status":"Ok"}'
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with serving(behave) as server:
        yield server


def own(server: Server, **more: str) -> dict[str, str]:
    """The variables of the document that route to it, with everything due at once."""
    return {
        **YES,
        "CODEFINDER__TELEMETRY__POSTHOG_API_KEY": KEY,
        "CODEFINDER__TELEMETRY__POSTHOG_HOST": server.origin,
        "CODEFINDER__TELEMETRY__BATCH_INTERVAL_SECONDS": "0",
        **more,
    }


def body(request: Received) -> Any:
    """The JSON of a request."""
    packed = request.headers.get("content-encoding") == "gzip"
    return json.loads(gzip.decompress(request.body) if packed else request.body)


def batches(server: Server) -> list[Any]:
    """The bodies of the requests with events."""
    return [body(request) for request in server.requests if request.target == "/batch/"]


def records(home: Path) -> list[dict[str, Any]]:
    """The records in the log."""
    log = home / ".codefinder" / "telemetry" / "usage.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def recorded(home: Path, event: str) -> list[dict[str, Any]]:
    """The properties of the records of an event."""
    return [record["properties"] for record in records(home) if record["event"] == event]


def configure(home: Path, text: str) -> None:
    """Write the user's own configuration."""
    path = home / ".config" / "codefinder" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_nothing_without_a_yes(codefinder: Codefinder, home: Path, posthog: Server) -> None:
    """The command does its work; there is no file, no request, and no flag but the default."""
    environment = {**own(posthog), "CODEFINDER_TELEMETRY_OPT_IN": ""}
    done = codefinder("find", "authenticate", env={name: value for name, value in environment.items() if value})
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{SECRET}.py\nlogin.py\n", "")
    assert list(home.iterdir()) == []
    assert posthog.visits == 0


def test_a_search(codefinder: Codefinder, home: Path) -> None:
    """One search is one event of the search, converted field by field, and one of its session."""
    assert codefinder("find", f"authenticate {SECRET}", "--intent", "debug", env=YES).returncode == 0
    assert [record["event"] for record in records(home)] == ["index", "search", "session"]
    (search,) = recorded(home, "search")
    assert isinstance(search.pop("execution_time_ms"), int | float)
    digits = search.pop("repository")
    assert len(digits) == 16
    assert int(digits, 16) >= 0
    assert search == {
        "intent": "debug",
        "strategies": {"keyword": 1},
        "query": len(f"authenticate {SECRET}"),
        "languages": {"python": 2},
        "matches": 2,
        "tokens": 4 + 5,
        "index_ready": False,
    }


def test_a_session(codefinder: Codefinder, home: Path) -> None:
    """A session of many searches is added up: counts, success, timing, tokens, languages, failovers."""
    done = codefinder("serve", env=YES, stdin="authenticate\nauthentikate\nnothing\n")
    assert done.stderr == ""
    assert [search["index_ready"] for search in recorded(home, "search")] == [False, True, True]
    (session,) = recorded(home, "session")
    measured = session.pop("ms")
    assert 0 <= measured["mean"] <= measured["max"]
    assert session.pop("duration_ms") >= 0
    assert session == {
        "success": True,
        "version": "0.5.0",
        "backend": "memory",
        "setup_success": True,
        "setup_attempts": 1,
        "config_errors": 0,
        "searches": 3,
        "searches.success": 2,
        "tokens_returned": 18,
        "tokens_saved": 4 + 4 + 13,
        "failovers": 2,
        "files": 3,
        "languages": {"python": 2, "markdown": 1},
    }


def test_a_setup_that_fails(codefinder: Codefinder, home: Path) -> None:
    """Where no index can be made the session says so, and the user is told as ever."""
    done = codefinder("find", "x", "--folder", f"no-{SECRET}", env=YES)
    assert (done.returncode, done.stderr) == (1, f"codefinder: no-{SECRET}: No such file or directory\n")
    (session,) = recorded(home, "session")
    assert (session["setup_success"], session["success"], session["config_errors"]) == (False, False, 1)


def test_the_client_of_the_document(program: Codefinder, home: Path) -> None:
    """Each call of the document: session, capture with nested results, an event of one's own, an object, the end."""
    done = program(
        """
assert room.get_telemetry_client() is client
client.start_session({"version": "0.5.0", "backend": "qdrant"})
assert client.enabled
client.capture(event="index", properties={"execution_time_ms": 125.5, "results": {"files": 143, "skipped": ["a"]}})
client.capture("undeclared", {"n": 1})
client.capture_from_event(room.RerankedEvent(moved=10))
response = room.SearchResponse("a canary", "/canary", ["canary.py"], ["canary"], ["python", "canary"], [3, 4], True)
client.capture_with_serialization(response)
room.capture_search_event(
    client, response, intent="canary", strategies=["fuzzy"], execution_time_ms=125.5, best_score=0.5
)
client.end_session()
client.end_session()
client.start_session({})
client.shutdown()
""",
        env=YES,
    )
    told = "discreet: dropped event undeclared: undeclared_event\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", told)
    events = [record["event"] for record in records(home)]
    assert events == ["index", "reranked", "search", "search", "session", "session"]
    assert recorded(home, "index") == [{"execution_time_ms": 130, "results": {"files": 100, "skipped": 1}}]
    assert recorded(home, "reranked") == [{"moved": 10}]
    plain, full = recorded(home, "search")
    assert plain.items() <= full.items()
    assert (full["intent"], full["strategies"], full["languages"]) == ("other", {"fuzzy": 1}, {"python": 1, "other": 1})
    session, last = recorded(home, "session")
    assert (session["backend"], session["searches"]) == ("other", 1)
    assert last["success"] is True  # else it was the exit that ended it
    assert SECRET not in (home / ".codefinder" / "telemetry" / "usage.jsonl").read_text()


def test_the_context_manager(program: Codefinder, home: Path) -> None:
    """The session ends with its block; an error passes through, and is no success."""
    assert program("with client:\n    client.start_session({'version': '0.5.0'})", env=YES).returncode == 0
    done = program("with client:\n    client.start_session({})\n    raise KeyError('canary')", env=YES)
    assert done.stderr.endswith("KeyError: 'canary'\n")
    assert [session["success"] for session in recorded(home, "session")] == [True, False]


def test_the_seven_conversions(program: Codefinder) -> None:
    """What would leave of an object is shown by `discreet.serialize`: each member of the enumeration does its work."""
    done = program(
        """
import discreet
response = room.SearchResponse("a canary", "/canary", ["canary.py"], ["canary"], ["python", "go"], [3, 4], True)
assert {one.name for one in response._telemetry_keys().values()} == {one.name for one in room.AnonymityConversion}
print(discreet.serialize(response))
"""
    )
    assert done.stderr == ""
    assert eval(done.stdout) == {
        "query": 8,
        "repository": "0" * 16,  # hashed by the salt of the installation, which is not looked at here
        "matches": 1,
        "languages": {"other": 2},  # where nothing is declared; by the declaration they have their names
        "tokens": 7,
        "index_ready": True,
    }


@pytest.mark.parametrize("by", ["variable", "file"])
def test_two_levels(codefinder: Codefinder, home: Path, by: str) -> None:
    """More is recorded for who asks for it beside a yes, and even that is no text of the user's."""
    enhanced = {"CODEFINDER__TELEMETRY__TOOLS_OVER_PRIVACY": "true"} if by == "variable" else {}
    if by == "file":
        configure(home, "[telemetry]\ntools_above_privacy = true\n")
    codefinder("find", f"where is {SECRET}?", env=enhanced)
    assert records(home) == []  # that is no yes
    codefinder("find", f"where is {SECRET}?", env={**YES, **enhanced})
    (search,) = recorded(home, "search")
    assert (search["query_kind"], search["best_score"]) == ("question", 0.3)
    assert SECRET not in json.dumps(records(home))


def test_the_basic_level_has_less(codefinder: Codefinder, home: Path) -> None:
    """Without that, neither field is there."""
    codefinder("find", "authenticate", env=YES)
    (search,) = recorded(home, "search")
    assert not search.keys() & {"query_kind", "best_score"}


def test_disabled_by_the_variable(codefinder: Codefinder, program: Codefinder, home: Path) -> None:
    """The document's variable beats a yes, and the client says so."""
    no = {**YES, "CODEFINDER__TELEMETRY__DISABLE_TELEMETRY": "true"}
    assert codefinder("find", "authenticate", env=no).returncode == 0
    assert list(home.iterdir()) == []
    assert program("print(client.enabled)", env=no).stdout == "False\n"
    assert program("print(client.enabled)", env=YES).stdout == "True\n"
    assert "CODEFINDER__TELEMETRY__DISABLE_TELEMETRY" in codefinder("telemetry", "status", env=no).stdout


def test_disabled_by_toml(codefinder: Codefinder, home: Path, project: Path) -> None:
    """The user's file may switch off, so may that of a project, which may do nothing else."""
    no = "[telemetry]\ndisable_telemetry = true\n"
    configure(home, no)
    codefinder("find", "authenticate", env=YES)
    configure(home, "[telemetry]\ncolour = 'red'\n")
    (project / ".codefinder.toml").write_text(no)
    codefinder("find", "authenticate", env=YES)
    (project / ".codefinder.toml").write_text("telemetry = [")  # nobody can say what it wanted to say
    assert codefinder("find", "authenticate", env=YES).returncode == 0
    assert records(home) == []
    (project / ".codefinder.toml").write_text("[telemetry]\ntools_over_privacy = true\n")
    codefinder("find", "authenticate", env=YES)
    (search,) = recorded(home, "search")
    assert "query_kind" not in search
    assert "colour is no setting" in codefinder("telemetry", "explain", env=YES).stdout


@pytest.mark.parametrize("key", ["CODEFINDER__TELEMETRY__POSTHOG_API_KEY", "CODEFINDER_POSTHOG_API_KEY"])
def test_a_posthog_of_ones_own(codefinder: Codefinder, home: Path, posthog: Server, key: str) -> None:
    """Host and key by variable: the events of the log arrive in one batch, as PostHog takes them."""
    environment = own(posthog)
    environment[key] = environment.pop("CODEFINDER__TELEMETRY__POSTHOG_API_KEY")
    done = codefinder("find", f"authenticate {SECRET}", env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    posthog.wait(2)  # the events, and the question for flags
    (batch,) = batches(posthog)
    assert batch["api_key"] == KEY
    assert [event["event"] for event in batch["batch"]] == ["index", "search", "session"]
    for sent, kept in zip(batch["batch"], records(home), strict=True):
        assert sent["uuid"] == kept["id"]
        assert kept["properties"].items() <= sent["properties"].items()
        assert (sent["properties"]["$ip"], sent["properties"]["$process_person_profile"]) == (None, False)
    assert SECRET not in json.dumps(batch)


def test_a_posthog_by_toml(codefinder: Codefinder, home: Path, posthog: Server) -> None:
    """The same by the user's file."""
    configure(home, f"[telemetry]\nposthog_api_key = '{KEY}'\nposthog_host = '{posthog.origin}'\n")
    assert codefinder("find", "authenticate", env={**YES, "CODEFINDER_TELEMETRY_BATCH_INTERVAL_SECONDS": "0"}).stdout
    posthog.wait(2)
    assert [batch["api_key"] for batch in batches(posthog)] == [KEY]


def test_nothing_is_sent_without_a_key(codefinder: Codefinder) -> None:
    """The author has no key in the code: the destination waits for the user's, at PostHog's usual host."""
    shown = codefinder("telemetry", "preview", "--wire", env=YES)
    assert (shown.returncode, "POST" in shown.stdout) == (1, False)
    (where,) = json.loads(codefinder("telemetry", "disclosure", "--format", "json").stdout)["destinations"]
    assert (where["host"], where["waits_for_key"]) == ("https://us.i.posthog.com", True)
    assert (where["batch_size"], where["batch_interval_seconds"]) == (10, 60)


def test_batches(codefinder: Codefinder, home: Path, posthog: Server) -> None:
    """What is less than a batch waits; a full one, or the word of the user, sends all of it in one request."""
    later = own(posthog, CODEFINDER__TELEMETRY__BATCH_INTERVAL_SECONDS="3600", CODEFINDER__TELEMETRY__BATCH_SIZE="5")
    later["CODEFINDER_TELEMETRY_FLAG_NEW_RERANKER"] = "control"  # so nobody is asked for flags
    codefinder("find", "authenticate", env=later)  # three events
    wait_until(lambda: (home / ".codefinder" / "telemetry" / "delivery.json").exists())
    assert posthog.requests == []
    codefinder("find", "authenticate", env=later)  # and three more
    assert [len(body(request)["batch"]) for request in posthog.wait(1)] == [6]
    codefinder("find", "authenticate", env=later)
    assert codefinder("telemetry", "flush", env=later).returncode == 0
    assert [len(batch["batch"]) for batch in batches(posthog)] == [6, 3]
    assert len(records(home)) == 9


def test_a_flag_of_posthog(codefinder: Codefinder, program: Codefinder, home: Path, posthog: Server) -> None:
    """The first run does not wait and has the default; the next has the variant, does otherwise, and says so."""
    environment = own(posthog)
    assert codefinder("find", "authenticate", env=environment).stdout == f"{SECRET}.py\nlogin.py\n"
    cache = home / ".codefinder" / "telemetry" / "flags.json"
    posthog.wait(2)
    assert [request.target for request in posthog.requests] == ["/batch/", "/flags/?v=2"]
    assert body(posthog.requests[1]).keys() == {"api_key", "distinct_id", "geoip_disable"}
    wait_until(lambda: cache.exists() and "new_reranker" in cache.read_text())
    assert codefinder("find", "authenticate", env=environment).stdout == f"login.py\n{SECRET}.py\n"
    first, second = recorded(home, "search")
    assert "flag.new_reranker" not in first
    assert second["flag.new_reranker"] == "test"
    assert recorded(home, "flag_exposure") == [{"flag": "new_reranker", "variant": "test"}]
    assert recorded(home, "reranked") == [{"moved": 2}]
    found = program("print(client.get_feature_flag('new_reranker'), client.get_all_feature_flags())", env=environment)
    assert found.stdout == "test {'new_reranker': 'test'}\n"


def test_the_user_decides_a_flag(codefinder: Codefinder, home: Path) -> None:
    """One's own word on a feature holds although telemetry is off, and is no part of the experiment."""
    mine = {"CODEFINDER_TELEMETRY_FLAG_NEW_RERANKER": "test"}
    assert codefinder("find", "authenticate", env=mine).stdout == f"login.py\n{SECRET}.py\n"
    assert list(home.iterdir()) == []
    codefinder("find", "authenticate", env={**mine, **YES})
    assert "flag.new_reranker" not in recorded(home, "search")[0]
    assert recorded(home, "flag_exposure") == []


def test_a_posthog_that_is_down(codefinder: Codefinder, home: Path) -> None:
    """A receiver that fails is no business of the command's: the same output, and all is kept for later."""
    with serving(answering(503)) as server:
        done = codefinder("find", "authenticate", env=own(server))
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{SECRET}.py\nlogin.py\n", "")
        server.wait(1)
    assert len(records(home)) == 3


def test_the_disclosure(codefinder: Codefinder) -> None:
    """Each event and each field says what it is for."""
    page = json.loads(codefinder("telemetry", "disclosure", "--format", "json").stdout)
    for event in page["events"]:
        assert all(field["purpose"] for field in event["fields"]), event["name"]
    assert {event["name"] for event in page["events"]} >= {"search", "session", "index", "reranked", "flag_exposure"}
