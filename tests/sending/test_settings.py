"""The destinations in force: what the user's environment does to the code's, and what it cannot do."""

from collections.abc import Callable
from typing import Any

import pytest

from discreet.destination import Destination
from discreet.sending import courier
from discreet.sending.settings import KEYS, Settings

SECRET = "s3cret-7f"
CODE = (
    Destination("https://a.example.org/beacon", format="beacon"),
    Destination("https://a.example.org/t", headers={"A": "b"}),
    Destination("https://a.example.org/v1/traces"),
)
POSTHOG = Destination.posthog("phc_code", "https://ph.example.org")
WAITING = Destination("https://ph.example.org/batch/")


def in_force(
    environ: dict[str, str], code: tuple[Destination, ...] = CODE, settings: dict[str, object] | None = None
) -> tuple[list[Destination], list[str]]:
    """The destinations in force, and what was refused. `X` in `environ` stands for `MYTOOL_TELEMETRY_X`."""
    whole = {name if name.startswith("MYTOOL") else f"MYTOOL_TELEMETRY_{name}": text for name, text in environ.items()}
    made = Settings("mytool", whole, settings or {})
    return list(made.destinations(code)), made.problems


def test_nothing_set() -> None:
    """Without a setting the code's destinations are in force as they are."""
    found, problems = in_force({})
    assert [vars(one) for one in found] == [vars(one) for one in CODE]
    assert problems == []


def test_an_endpoint_replaces_all() -> None:
    """`ENDPOINT` replaces every destination of the code, and inherits none of their headers and keys."""
    found, problems = in_force({"ENDPOINT": "https://mine.example.org/v1/traces"}, (*CODE, POSTHOG))
    assert [(one.url, one.format, one.headers, one.api_key) for one in found] == [
        ("https://mine.example.org/v1/traces", "otlp", {}, "")
    ]
    assert problems == []


@pytest.mark.parametrize(("form", "got"), [("otlp", "otlp"), ("OTLP ", "otlp"), ("beacon", "beacon"), ("", "json")])
def test_the_format_of_an_endpoint(form: str, got: str) -> None:
    """`FORMAT` is of the endpoint, in any case; else its path says it."""
    assert in_force({"ENDPOINT": "https://mine.example.org/t", "FORMAT": form})[0][0].format == got


def test_headers_follow_the_endpoint() -> None:
    """With `ENDPOINT`, `HEADERS` go there and only there."""
    (one,), _ = in_force({"ENDPOINT": "https://mine.example.org/t", "HEADERS": f"X-Key: {SECRET}"})
    assert one.headers == {"X-Key": SECRET}


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Content-Encoding", "User-Agent", "content-type"])
def test_a_header_that_the_request_makes_itself(name: str) -> None:
    """It is refused and told, not dropped in silence; and with it all that the variable says."""
    (one,), problems = in_force({"ENDPOINT": "https://mine.example.org/t", "HEADERS": f"X-Key: {SECRET}\n{name}: x"})
    assert one.headers == {}
    assert problems == [f"MYTOOL_TELEMETRY_HEADERS is refused: headers: {name} is set by the delivery itself"]


def test_headers_without_an_endpoint() -> None:
    """Without `ENDPOINT`, `HEADERS` go to the code's first json or otlp destination, beside its own headers."""
    found, _ = in_force({"HEADERS": "X-Key: mine"}, (POSTHOG, *CODE))
    assert [one.headers for one in found] == [{}, {}, {"A": "b", "X-Key": "mine"}, {}]
    assert in_force({"HEADERS": "X-Key: mine"}, (POSTHOG,))[0][0].headers == {}


@pytest.mark.parametrize(
    "url", ["http://mine.example.org/t", f"https://{SECRET} x", "nonsense", f"https://h/#{SECRET}"]
)
def test_a_refused_endpoint_sends_nowhere(url: str) -> None:
    """An address that makes no sense, or would send in the clear, is refused and told without its text.

    Nothing goes to the destinations that it was to replace, and the headers and the key that were meant for it go
    nowhere.
    """
    settings = {"ENDPOINT": url, "HEADERS": f"X-Key: {SECRET}", "POSTHOG_API_KEY": SECRET}
    found, problems = in_force(settings, (*CODE, POSTHOG))
    assert found == []
    (problem,) = problems
    assert problem.startswith("MYTOOL_TELEMETRY_ENDPOINT is refused: url")
    assert SECRET not in problem


@pytest.mark.parametrize("url", ["http://localhost:4318/v1/traces", "http://127.0.0.1/t", "http://[::1]:9/t"])
def test_plain_http_to_this_machine(url: str) -> None:
    """An address on this machine may be plain http."""
    assert in_force({"ENDPOINT": url})[0][0].url == url


def test_posthog_is_added() -> None:
    """`POSTHOG_API_KEY` alone adds a posthog destination, in the cloud or at `POSTHOG_HOST`; a host alone adds none."""
    assert [one.url for one in in_force({"POSTHOG_API_KEY": "phc"})[0]][3:] == ["https://us.i.posthog.com/batch/"]
    found, _ = in_force({"POSTHOG_API_KEY": "phc", "POSTHOG_HOST": "https://eu.i.posthog.com/"}, ())
    assert [(one.url, one.format, one.api_key) for one in found] == [
        ("https://eu.i.posthog.com/batch/", "posthog", "phc")
    ]
    assert len(in_force({"POSTHOG_HOST": "https://eu.i.posthog.com"})[0]) == 3


def test_posthog_is_completed() -> None:
    """A posthog destination of the code gets the user's key and host, keeps its place, and no second one is added."""
    found, _ = in_force({"POSTHOG_API_KEY": "phc_mine"}, (WAITING, *CODE))
    assert [(one.url, one.api_key) for one in found[:1]] == [(WAITING.url, "phc_mine")]
    assert len(found) == 4
    found, _ = in_force({"POSTHOG_HOST": "https://mine.example.org"}, (POSTHOG,))
    assert [(one.url, one.api_key) for one in found] == [("https://mine.example.org/batch/", "phc_code")]


def test_posthog_without_a_key_waits() -> None:
    """A posthog destination without a key is not in force, of the code's or as an endpoint."""
    assert in_force({}, (WAITING,))[0] == []
    assert in_force({"ENDPOINT": "https://mine.example.org/batch/"}, CODE)[0] == []
    (one,), _ = in_force({"ENDPOINT": "https://mine.example.org/batch/", "POSTHOG_API_KEY": "phc"}, CODE)
    assert (one.format, one.api_key) == ("posthog", "phc")


def test_what_waits_for_a_key_is_told() -> None:
    """It would look as if nothing were to be sent at all."""
    told = ["PostHog gets nothing before MYTOOL_TELEMETRY_POSTHOG_API_KEY is set"]
    for environ, code in (
        ({}, (WAITING,)),
        ({"POSTHOG_HOST": "https://eu.i.posthog.com"}, ()),
        ({"ENDPOINT": "https://mine.example.org/batch/"}, CODE),
    ):
        assert in_force(environ, code)[1] == told
    assert in_force({"POSTHOG_API_KEY": "phc"}, (WAITING,))[1] == []


def test_posthog_never_stands_beside_an_endpoint() -> None:
    """With `ENDPOINT`, `POSTHOG_*` adds nothing."""
    settings = {
        "ENDPOINT": "https://mine.example.org/t",
        "POSTHOG_API_KEY": "phc",
        "POSTHOG_HOST": "https://x.example.org",
    }
    assert [one.url for one in in_force(settings, (*CODE, POSTHOG))[0]] == ["https://mine.example.org/t"]


def test_a_whole_posthog_url_is_used_as_it_is() -> None:
    """A host that ends in `/batch/` is the URL."""
    found, _ = in_force({"POSTHOG_API_KEY": "phc", "POSTHOG_HOST": "https://x.example.org/p/batch/"}, ())
    assert [one.url for one in found] == ["https://x.example.org/p/batch/"]


@pytest.mark.parametrize(
    "code", [(WAITING,), (POSTHOG,), (), (Destination(POSTHOG.url, api_key="k", allow_http=True),)]
)
def test_a_refused_posthog_host(code: tuple[Destination, ...]) -> None:
    """A host in the clear is refused and told, and neither the user's key nor an event goes to the one it replaces."""
    found, problems = in_force({"POSTHOG_API_KEY": SECRET, "POSTHOG_HOST": "http://x.example.org"}, (*CODE, *code))
    assert [one.url for one in found] == [one.url for one in CODE]
    assert problems == ["MYTOOL_TELEMETRY_POSTHOG_HOST is refused: url: plain http is for loopback only; use https"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("FORMAT", SECRET), ("HEADERS", SECRET), ("HEADERS", f"Host: {SECRET}"), ("HEADERS", f"a: {SECRET}\rb"),
        ("POSTHOG_API_KEY", f"{SECRET}ä"), ("BATCH_SIZE", SECRET), ("BATCH_SIZE", "0"), ("BATCH_SIZE", "1.5"),
        ("BATCH_INTERVAL_SECONDS", SECRET), ("BATCH_INTERVAL_SECONDS", "nan"), ("BATCH_INTERVAL_SECONDS", "-1"),
    ],
)  # fmt: skip
def test_another_refused_value(key: str, value: str) -> None:
    """Any other value that makes no sense is left out, and told once, under its name and without its text.

    Where records go stays what it would be without it.
    """
    for environ in ({}, {"ENDPOINT": "https://mine.example.org/v1/traces"}):
        without, _ = in_force(environ)
        found, problems = in_force({**environ, key: value})
        if key == "FORMAT" and not environ:
            assert problems == []  # it is of the endpoint alone
        else:
            (problem,) = problems
            assert problem.startswith(f"MYTOOL_TELEMETRY_{key} is refused: ")
            assert SECRET not in problem
        assert [vars(one) for one in found] == [vars(one) for one in without]


@pytest.mark.parametrize("key", KEYS)
def test_a_refused_value_is_told_by_the_name_that_was_set(key: str) -> None:
    """Whichever spelling it is, else nobody would find it; of several it is the one that counts."""
    names = [f"MYTOOL_TELEMETRY_{key}", f"MYTOOL__TELEMETRY__{key}"]
    names += [f"MYTOOL_{key}"] if key.startswith("POSTHOG") else []
    value = f"{SECRET}\x01"
    for environ, settings, told in (
        *(({name: value}, {}, name) for name in names),
        *(({name: value, **dict.fromkeys(names[:at], " ")}, {}, name) for at, name in enumerate(names)),
        ({names[0]: value, names[1]: value}, {key.lower(): value}, names[0]),
        ({names[0]: ""}, {key.lower(): value}, f"settings: {key.lower()}"),
    ):
        (problem,) = Settings("mytool", environ, settings).refused()
        assert problem.startswith(f"{told} is refused: ")
        assert SECRET not in problem


@pytest.mark.parametrize("value", [SECRET, "0.5.1", "-1", "nan", "inf", "9" * 5000, "1e9", f"1, not {SECRET}"])
def test_a_refused_number_is_told_with_its_range(value: str) -> None:
    """What it must be is said, and nothing of what it is."""
    assert in_force({"BATCH_SIZE": value, "BATCH_INTERVAL_SECONDS": value})[1] == [
        "MYTOOL_TELEMETRY_BATCH_SIZE is refused: it must be a whole number from 1 to 10,000",
        "MYTOOL_TELEMETRY_BATCH_INTERVAL_SECONDS is refused: it must be a number of seconds from 0 to 2,592,000",
    ]


def test_batches() -> None:
    """`BATCH_SIZE` and `BATCH_INTERVAL_SECONDS` are of every destination."""
    found, problems = in_force({"BATCH_SIZE": " 3 ", "BATCH_INTERVAL_SECONDS": "0.5", "POSTHOG_API_KEY": "phc"})
    assert [(one.batch_size, one.batch_interval) for one in found] == [(3, 0.5)] * 4
    assert problems == []


@pytest.mark.parametrize("key", KEYS)
def test_every_spelling(key: str) -> None:
    """`MYTOOL_TELEMETRY_X`, `MYTOOL__TELEMETRY__X`, `MYTOOL_POSTHOG_X` and the key `x` of `settings` are the same."""
    beside = {"MYTOOL_TELEMETRY_ENDPOINT": "https://mine.example.org/x"} if key == "FORMAT" else {}
    beside |= {"MYTOOL_TELEMETRY_POSTHOG_API_KEY": "phc"} if key == "POSTHOG_HOST" else {}
    value = {
        "ENDPOINT": "https://e.example.org/t", "FORMAT": "otlp", "HEADERS": "a=b", "POSTHOG_API_KEY": "phc_x",
        "POSTHOG_HOST": "https://h.example.org", "BATCH_SIZE": "7", "BATCH_INTERVAL_SECONDS": "9",
    }[key]  # fmt: skip
    names = [f"MYTOOL_TELEMETRY_{key}", f"MYTOOL__TELEMETRY__{key}"]
    names += [f"MYTOOL_{key}"] if key.startswith("POSTHOG") else []
    unset = [vars(one) for one in in_force(beside)[0]]
    found = [[vars(one) for one in in_force({**beside, name: value})[0]] for name in names]
    found.append([vars(one) for one in in_force(beside, settings={key.lower(): value})[0]])
    assert all(each == found[0] for each in found)
    assert found[0] != unset


def test_the_environment_beats_the_settings() -> None:
    """A variable beats the same key of the settings; an empty one is not set."""
    settings: dict[str, object] = {"endpoint": "https://settings.example.org/t", "batch_size": 5}
    url = "https://environment.example.org/t"
    assert [one.url for one in in_force({"ENDPOINT": url}, settings=settings)[0]] == [url]
    (one,), problems = in_force({"ENDPOINT": " "}, settings=settings)
    assert (one.url, one.batch_size, one.headers) == ("https://settings.example.org/t", 5, {})
    assert problems == []


def test_settings_of_another_kind() -> None:
    """A list, a table or a boolean is refused and told by where it was read; as an address it sends nothing."""
    found, problems = in_force({}, settings={"batch_size": True, "headers": ["a: b"]})
    assert (found[0].batch_size, found[0].headers) == (10, {})
    assert problems == [
        f"settings: {key} is refused: it must be a text or a number" for key in ("headers", "batch_size")
    ]
    for odd in ([], {}, True, ["https://mine.example.org/t"], 16**5000):
        found, (problem,) = in_force({}, settings={"endpoint": odd})
        assert found == []
        assert problem.startswith("settings: endpoint is refused: url")


def test_local_ignores_every_network_setting(
    make_telemetry: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `consent="local"` nobody delivers, whatever the code, the environment and the settings say."""
    monkeypatch.setenv("MYTOOL_TELEMETRY_ENDPOINT", "http://127.0.0.1:9/t")
    monkeypatch.setenv("MYTOOL_POSTHOG_API_KEY", "phc")
    telemetry = make_telemetry(
        consent="local", destination="http://127.0.0.1:9/c", settings={"endpoint": "http://127.0.0.1:9/s"}
    )
    telemetry.track("search", n=1)
    assert telemetry.flush()
    assert telemetry._sender.courier is None
    assert telemetry.main(["flush"]) == 1
    assert telemetry.main(["preview", "--wire"]) == 1
    assert telemetry.main(["status"]) == 0
    assert "127.0.0.1" not in capsys.readouterr().out


def test_who_delivers_knows_the_settings(make_telemetry: Callable[..., Any]) -> None:
    """A courier is engaged for what is in force: none where nothing is, one where only the settings name an address."""
    assert courier.engaged(make_telemetry()) is None
    assert courier.engaged(make_telemetry(destination=WAITING)) is None
    assert courier.engaged(make_telemetry(settings={"endpoint": "https://mine.example.org/t"})) is not None


@pytest.mark.parametrize(
    ("environ", "hosts"),
    [
        ({}, ()),
        ({"BATCH_SIZE": "5", "POSTHOG_HOST": "nonsense"}, ()),
        ({"ENDPOINT": "https://mine.example.org/t"}, ("mine.example.org",)),
        ({"POSTHOG_HOST": "https://ph.example.org"}, ("ph.example.org",)),
        ({"POSTHOG_API_KEY": "phc_mine"}, ("us.i.posthog.com",)),
        ({"POSTHOG_API_KEY": "phc_mine", "POSTHOG_HOST": "https://ph.example.org"}, ("ph.example.org",)),
    ],
)
def test_the_hosts_of_the_users_own(environ: dict[str, str], hosts: tuple[str, ...]) -> None:
    """Those that the environment names, and no other, need no agreement: PostHog's own where only a key is named."""
    whole = {f"MYTOOL_TELEMETRY_{name}": text for name, text in environ.items()}
    assert Settings("mytool", whole, {}).hosts() == hosts


@pytest.mark.parametrize("by", ["user", "settings", "code"])
def test_whose_key_it_is(make_telemetry: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """That of the user's environment is its own choice, where the code left a destination without one; that of a
    configuration, which may lie in anybody's project, or of the code is not.
    """
    if by == "user":
        monkeypatch.setenv("MYTOOL_POSTHOG_API_KEY", "phc_mine")
    telemetry = make_telemetry(
        destination=Destination("https://eu.example.org/batch/", api_key="phc_code" if by == "code" else None),
        settings={"posthog_api_key": "phc_project"} if by == "settings" else None,
    )
    engaged = courier.engaged(telemetry)
    assert engaged is not None
    own = courier.own_hosts(telemetry, engaged.destinations)
    assert own == (("us.i.posthog.com", "eu.example.org key") if by == "user" else ())
