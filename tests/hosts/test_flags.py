"""Feature flags as a host looks them up: who decides, what is made and asked for, and what goes with events."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discreet import Boolean, Destination, Event, Hash, OneOf, Telemetry
from discreet.consent import stored
from discreet.sending import flags
from discreet.sending.installation import bucket
from discreet.testing import allow

MakeTelemetry = Callable[..., Telemetry]
HALVES = {"control": 0.5, "test": 0.5}
WEEK = 7 * 86_400


def answered(telemetry: Telemetry, ago: float = 0, payloads: dict[str, Any] | None = None, **values: object) -> None:
    """Let the receiver have said this, so many seconds ago."""
    cache = flags.Cache("0" * 16)
    cache.fetched = int(time.time() - ago)
    cache.values = {key.replace("_", "-"): json.dumps(value) for key, value in values.items()}
    cache.payloads = {key: json.dumps(value) for key, value in (payloads or {}).items()}
    Path(telemetry.paths.directory).mkdir(parents=True, exist_ok=True)
    flags.save(telemetry.paths, cache)


def recorded(telemetry: Telemetry) -> list[tuple[str, dict[str, Any]]]:
    """The events so far, each with its properties."""
    assert telemetry.flush(10.0)
    log = Path(telemetry.paths["log"])
    records = map(json.loads, log.read_bytes().splitlines() if log.exists() else [])
    return [(record["event"], record["properties"]) for record in records]


def present(telemetry: Telemetry) -> set[str]:
    """The files of the data directory."""
    directory = Path(telemetry.paths.directory)
    return set(os.listdir(directory)) if directory.exists() else set()


# What the receiver says


def test_what_the_receiver_said(make_telemetry: MakeTelemetry) -> None:
    """True, false, a variant or a typed value; the default for what it did not say."""
    telemetry = make_telemetry()
    values = {"on": True, "off": False, "ranking": "test", "text": 'a "text" …', "n": 12.5, "layout": {"n": [1]}}
    answered(telemetry, **values)
    assert {key: telemetry.flag(key, "default") for key in values} == values
    assert telemetry.flag("unknown") is None
    assert telemetry.flag("unknown", "default") == "default"
    assert telemetry.flags() == values


def test_payloads(make_telemetry: MakeTelemetry) -> None:
    """In the place of the value, where there is one."""
    telemetry = make_telemetry()
    answered(telemetry, payloads={"ranking": {"depth": 3}}, ranking="test", on=True)
    assert telemetry.flag("ranking", payload=True) == {"depth": 3}
    assert telemetry.flag("on", "default", payload=True) == "default"


@pytest.mark.parametrize(("ago", "known"), [(0, True), (WEEK - 60, True), (WEEK + 60, False), (-WEEK - 60, False)])
def test_ages(ago: float, known: bool, make_telemetry: MakeTelemetry) -> None:
    """An answer is good for a week without a network, and then for nothing."""
    telemetry = make_telemetry()
    answered(telemetry, ago, ranking="test")
    assert telemetry.flag("ranking", "default") == ("test" if known else "default")
    assert telemetry.flags() == ({"ranking": "test"} if known else {})


def test_a_renewal_is_seen(make_telemetry: MakeTelemetry) -> None:
    """A process that lives on has what was fetched meanwhile, and what is gone is gone."""
    telemetry = make_telemetry()
    assert telemetry.flag("ranking", "default") == "default"
    answered(telemetry, ranking="control")
    assert telemetry.flag("ranking", "default") == "control"
    answered(telemetry, ranking="test")
    assert telemetry.flag("ranking", "default") == "test"
    os.unlink(telemetry.paths["flags"])
    assert telemetry.flag("ranking", "default") == "default"


def test_a_spoiled_file(make_telemetry: MakeTelemetry) -> None:
    """Whatever lies there, the default is the answer and nothing is swallowed."""
    telemetry = make_telemetry()
    answered(telemetry, ranking="test")
    text = Path(telemetry.paths["flags"]).read_text()
    for spoiled in (text.replace('"test"', '"te'), text.replace('"test"', "NaN"), text.replace('"v":1', '"v":9'), "x"):
        Path(telemetry.paths["flags"]).write_text(spoiled)
        assert telemetry.flag("ranking", "default") == "default"
        assert telemetry.flags() == {}


# What the author says


def test_the_algorithm() -> None:
    """It is the one that the documentation names, so that anybody can check it."""
    digest = hashlib.blake2b(b"new-ui", key=b"s" * 32, digest_size=8, person=b"discreet.flag").digest()
    assert bucket(b"s" * 32, "new-ui") == (int.from_bytes(digest, "big") >> 11) / 2**53
    assert bucket(b"s" * 32, "new-ui") == 0.6113031809879973


def test_shares() -> None:
    """Of many installations each variant gets its share, and two flags have nothing to do with one another."""
    salts = [number.to_bytes(32, "big") for number in range(20_000)]
    one, two = ([bucket(salt, key) for salt in salts] for key in ("new-ui", "ranking"))
    assert all(0 <= lot < 1 for lot in one)
    for low, high in ((0, 0.1), (0.1, 0.5), (0.5, 1)):
        assert abs(sum(low <= lot < high for lot in one) / 20_000 - (high - low)) < 0.015
    assert abs(sum(a < 0.5 and b < 0.5 for a, b in zip(one, two, strict=True)) / 20_000 - 0.25) < 0.015


def test_a_rollout(make_telemetry: MakeTelemetry) -> None:
    """Who is in stays in when the share grows; a share of 1 is everybody, and of 0 nobody."""
    telemetry = make_telemetry()
    lot = bucket(bytes.fromhex(salt(telemetry)), "new-ui")
    for share in (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1):
        assert telemetry.flag("new-ui", "default", rollout=share) is (lot < share)


def salt(telemetry: Telemetry) -> str:
    """The salt, made by a lookup."""
    telemetry.flag("any", rollout=1)
    return Path(telemetry.paths["salt"]).read_text().strip()


def test_variants(make_telemetry: MakeTelemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their shares lie one behind the other, and the rest gets the default."""
    telemetry = make_telemetry()
    shares = {"a": 0.25, "b": 0, "c": 0.5}
    for lot, variant in ((0.0, "a"), (0.2499, "a"), (0.25, "c"), (0.7499, "c"), (0.75, "rest"), (0.9999, "rest")):
        monkeypatch.setattr("discreet.sending.installation.bucket", lambda _, __, lot=lot: lot)
        assert telemetry.flag("ranking", "rest", rollout=shares) == variant


@pytest.mark.parametrize(("default", "told"), [("control", "control"), (False, "false")], ids=repr)
def test_the_rest_is_a_variant(default: object, told: str, make_telemetry: MakeTelemetry) -> None:
    """Of a mapping's shares the default is what the others are compared with: it is known, goes with events, and is
    counted.
    """
    row = OneOf("control", "test", "true", "false")
    telemetry = make_telemetry(
        fields={"flag.ranking": "boolean" if default is False else row},
        events={"flag_exposure": {"flag": OneOf("ranking"), "variant": row}, "search": {}},
    )
    assert telemetry.flag("ranking", default, rollout={"test": 0}) is default
    assert telemetry.flags() == {"ranking": default}
    telemetry.track("search")
    exposed = {"flag": "ranking", "variant": told, "flag.ranking": default}
    assert recorded(telemetry) == [("flag_exposure", exposed), ("search", {"flag.ranking": default})]


@pytest.mark.parametrize("default", [None, 5, ["control"]], ids=repr)
def test_a_rest_that_is_no_variant(default: object, make_telemetry: MakeTelemetry) -> None:
    """It is the answer, and nothing more."""
    telemetry = make_telemetry(fields={"flag.ranking": OneOf("test")}, events={**EXPOSURE, "search": {}})
    assert telemetry.flag("ranking", default, rollout={"test": 0}) is default
    assert telemetry.flags() == {}
    telemetry.track("search")
    assert recorded(telemetry) == [("search", {})]


def test_one_installation_has_one_variant(make_telemetry: MakeTelemetry) -> None:
    """From run to run; `clear`, which erases the salt, begins anew."""
    found = [make_telemetry().flag(f"key-{n}", rollout=HALVES) for n in range(64)]
    assert set(found) == {"control", "test"}
    telemetry = make_telemetry()
    assert [telemetry.flag(f"key-{n}", rollout=HALVES) for n in range(64)] == found
    assert telemetry.main(["clear", "--yes"]) == 0
    again = make_telemetry()
    assert [again.flag(f"key-{n}", rollout=HALVES) for n in range(64)] != found


def test_nothing_is_asked_for_what_the_author_decides(make_telemetry: MakeTelemetry) -> None:
    """A rollout needs the salt, and neither the cache nor the receiver."""
    telemetry = make_telemetry(destination=Destination.posthog("phc_key"))
    answered(telemetry, new_ui="theirs")
    assert telemetry.flag("new-ui", rollout=HALVES) in HALVES
    assert telemetry.flagged.asks is False
    assert telemetry.flag("other") is None
    assert telemetry.flagged.asks is True


@pytest.mark.parametrize(
    "rollout",
    ["half", -0.1, 1.1, True, float("nan"), {"a": 0.7, "b": 0.7}, {"a": "half"}, {1: 0.5}, [0.5], {"a": None}],
    ids=repr,
)
def test_a_wrong_rollout(rollout: object, make_telemetry: MakeTelemetry, swallowed: Any) -> None:
    """Is the default, and an error inside that is counted and shows under `DISCREET_DEBUG=1`."""
    telemetry = make_telemetry()
    assert telemetry.flag("new-ui", "default", rollout=rollout) == "default"
    assert [reason for reason, _ in swallowed] == ["flag"]
    assert isinstance(swallowed[0][1], ValueError)


@pytest.mark.parametrize("key", [None, 5, b"new-ui", ["new-ui"]], ids=repr)
def test_a_wrong_key(key: Any, make_telemetry: MakeTelemetry, swallowed: Any) -> None:
    """The same."""
    assert make_telemetry().flag(key, "default") == "default"
    assert [reason for reason, _ in swallowed] == ["flag"]


@pytest.mark.parametrize("key", ["", "x" * 1000, "\ud800", "a b", "../../etc", "ключ"], ids=ascii)
def test_an_odd_key(key: str, make_telemetry: MakeTelemetry) -> None:
    """Is one that nobody has said anything of."""
    assert make_telemetry().flag(key, "default") == "default"


# What the gate says

OFF: dict[str, Any] = {
    "never asked": ({}, {"opted_in": False}),
    "DO_NOT_TRACK": ({"DO_NOT_TRACK": "1"}, {}),
    "the variable": ({"MYTOOL_NO_TELEMETRY": "1"}, {}),
    "the code": ({}, {"consent": "off"}),
    "opt-out, not told": ({}, {"consent": "opt-out", "opted_in": False}),
    "settings": ({}, {"settings": {"disable_telemetry": True}}),
}


@pytest.mark.parametrize("why", OFF)
def test_off(why: str, make_telemetry: MakeTelemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default, always, whatever lies in the files; and nothing is made, no salt and no cache."""
    variables, options = OFF[why]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    telemetry = make_telemetry(destination=Destination.posthog("phc_key"), **options)
    answered(telemetry, ranking="test")
    before = present(telemetry)
    assert telemetry.flag("ranking", "default") == "default"
    assert telemetry.flag("new-ui", "default", rollout=1) == "default"
    assert telemetry.flag("ranking", payload=True) is None
    assert telemetry.flags() == {}
    assert telemetry.close()
    assert present(telemetry) == before


def test_off_while_it_runs(make_telemetry: MakeTelemetry) -> None:
    """From the write on that sees the no, every flag is the default again."""
    telemetry = make_telemetry(fields={"flag.ranking": OneOf("test")})
    answered(telemetry, ranking="test")
    assert telemetry.flag("ranking") == "test"
    stored.store(telemetry.paths, "false", "2026-11-20T10:30:00Z")
    telemetry.track("search")
    telemetry.flush(10.0)
    assert telemetry.flag("ranking", "default") == "default"
    assert telemetry.flag("new-ui", "default", rollout=1) == "default"
    assert telemetry.flags() == {}


def test_the_salt_that_clear_erased_decides_no_more(
    make_telemetry: MakeTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a yes by variable no file but the salt itself tells of `clear`, and here nothing but flags used it: from
    the next write on they go by another one.
    """
    monkeypatch.setenv("MYTOOL_TELEMETRY_OPT_IN", "true")
    telemetry = make_telemetry(opted_in=False)
    before = salt(telemetry)
    assert make_telemetry(opted_in=False).main(["clear", "--yes"]) == 0
    telemetry.track("search", n=1)
    assert not telemetry.flush(10.0)
    after = salt(telemetry)
    assert before != after
    keys = [f"flag-{number}" for number in range(100)]
    found = [telemetry.flag(key, False, rollout=0.5) for key in keys]
    assert found == [bucket(bytes.fromhex(after), key) < 0.5 for key in keys]


# What the user says


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        (" ON ", True),
        ("1", True),
        ("false", False),
        ("no", False),
        ("control", "control"),
        (" Blue-Green ", "Blue-Green"),
        ("", "ours"),
        ("  ", "ours"),
    ],
)
def test_the_variable(
    text: str, value: object, on: bool, make_telemetry: MakeTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One's own word beats everybody's, while telemetry is off, too; an empty one is none."""
    for name in ("MYTOOL_TELEMETRY_FLAG_NEW_UI", "MYTOOL__TELEMETRY__FLAG_NEW_UI"):
        with monkeypatch.context() as patched:
            patched.setenv(name, text)
            telemetry = make_telemetry(opted_in=on)
            telemetry.off = not on
            answered(telemetry, new_ui="theirs")
            expected = value if value != "ours" or not on else "theirs"
            assert telemetry.flag("new-ui", "ours") == expected
            assert telemetry.flag("new-ui", "ours", rollout={"ours": 1}) == value
            assert telemetry.flag("new-ui", "ours", payload=True) == "ours"
            if value != "ours":
                assert telemetry.flags() == {"new-ui": value}
            elif not on:
                assert telemetry.flags() == {}


def test_the_user_s_word_is_not_counted(make_telemetry: MakeTelemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who chose a variant is no part of an experiment: neither an exposure nor a field of an event."""
    monkeypatch.setenv("MYTOOL_TELEMETRY_FLAG_RANKING", "test")
    telemetry = make_telemetry(fields={"flag.ranking": OneOf("control", "test")}, events=EXPOSURE)
    answered(telemetry, ranking="control")
    assert telemetry.flag("ranking") == "test"
    telemetry.track("search", n=1)
    assert recorded(telemetry) == [("search", {"n": 1})]


# What goes with events

EXPOSURE = {"flag_exposure": {"flag": OneOf("ranking", "new-ui"), "variant": OneOf("control", "test", "true", "false")}}


def test_variants_ride_on_events_where_they_are_declared(make_telemetry: MakeTelemetry) -> None:
    """From the lookup on, on every event whose rows have the field: in `fields=` or the event's own."""
    telemetry = make_telemetry(
        fields={"flag.ranking": OneOf("control", "test")},
        events={"search": {"n": "number", "flag.new_ui": "boolean"}, "open": {"n": "number"}},
    )
    answered(telemetry, ranking="test", new_ui=True, undeclared="secret")
    telemetry.track("search", n=1)
    for key in ("ranking", "new-ui", "undeclared"):
        telemetry.flag(key)
    telemetry.track("search", {"n": 2})
    telemetry.track("open", n=3)
    with telemetry.command("index"):
        pass
    found = recorded(telemetry)
    assert found[0] == ("search", {"n": 1})
    assert found[1] == ("search", {"n": 2, "flag.ranking": "test", "flag.new_ui": True})
    assert found[2] == ("open", {"n": 3, "flag.ranking": "test"})
    assert found[3][1]["flag.ranking"] == "test"
    assert telemetry.losses == {}


def test_an_undeclared_variant_never_leaves(make_telemetry: MakeTelemetry) -> None:
    """What the receiver says passes the row's conversion like any other value: a text of its own is `other`."""
    telemetry = make_telemetry(
        fields={"flag.ranking": OneOf("control", "test"), "flag.new_ui": Boolean(), "flag.who": Hash()}
    )
    answered(telemetry, ranking="a secret", new_ui="a secret", who="a secret", free="a secret")
    for key in ("ranking", "new-ui", "who", "free"):
        assert telemetry.flag(key) == "a secret"
    telemetry.track("search")
    ((_, properties),) = recorded(telemetry)
    assert properties.pop("flag.who").isalnum()
    assert properties == {"flag.ranking": "other", "flag.new_ui": True}
    assert "secret" not in Path(telemetry.paths["log"]).read_text()


def test_variants_ride_on_objects(make_telemetry: MakeTelemetry) -> None:
    """An `Event` and an object with `_telemetry_keys()` take them as any other event does."""

    class Search(Event):
        """A search was made."""

        flag_less = "no row"

    class Found:
        n = 5

        @classmethod
        def _telemetry_keys(cls) -> dict[str, str]:
            return {"n": "number"}

    telemetry = make_telemetry(fields={"flag.ranking": OneOf("control", "test")}, events=[Search, Found])
    telemetry.flag("ranking", rollout={"test": 1})
    telemetry.track(Search())
    telemetry.track(Found())
    assert recorded(telemetry) == [("search", {"flag.ranking": "test"}), ("found", {"n": 5, "flag.ranking": "test"})]


def test_the_host_s_own_value_stays(make_telemetry: MakeTelemetry) -> None:
    """A fact that the host gives under the same name is not replaced, and its mapping is not changed."""
    telemetry = make_telemetry(fields={"flag.ranking": OneOf("control", "test")})
    telemetry.flag("ranking", rollout={"test": 1})
    given = {"flag.ranking": "control"}
    telemetry.track("search", given)
    telemetry.track("search", {"n": 1})
    assert given == {"flag.ranking": "control"}
    assert [properties["flag.ranking"] for _, properties in recorded(telemetry)] == ["control", "test"]


def test_a_flag_that_is_gone_rides_no_more(make_telemetry: MakeTelemetry) -> None:
    """What is not known any more at a lookup goes with no event after it."""
    telemetry = make_telemetry(fields={"flag.ranking": OneOf("control", "test")})
    answered(telemetry, ranking="test")
    telemetry.flag("ranking")
    os.unlink(telemetry.paths["flags"])
    telemetry.flag("ranking")
    telemetry.track("search")
    assert recorded(telemetry) == [("search", {})]


def test_an_exposure_is_counted_once(make_telemetry: MakeTelemetry) -> None:
    """Once a process for each flag and variant, where the author declared the event; the default is none."""
    telemetry = make_telemetry(events=EXPOSURE)
    answered(telemetry, ranking="test", undeclared="secret")
    for _ in range(3):
        telemetry.flag("ranking")
        telemetry.flag("new-ui", rollout=1)
        telemetry.flag("unknown", "default")
        telemetry.flags()
    answered(telemetry, ranking="control")
    telemetry.flag("ranking")
    telemetry.flag("undeclared")
    telemetry.flag("undeclared-by-name", rollout={"secret": 1})
    assert recorded(telemetry) == [
        ("flag_exposure", {"flag": "ranking", "variant": "test"}),
        ("flag_exposure", {"flag": "new-ui", "variant": "true"}),
        ("flag_exposure", {"flag": "ranking", "variant": "control"}),
        ("flag_exposure", {"flag": "other", "variant": "other"}),
    ]
    assert not telemetry.declaration.closed  # type: ignore[union-attr]


def test_keys_made_of_the_names_of_users(make_telemetry: MakeTelemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a service lives, the first keys are remembered, and all are answered."""
    monkeypatch.setattr("discreet.hosts.flags.MOST_KEYS", 5)
    telemetry = make_telemetry(events=EXPOSURE)
    for number in range(40):
        assert telemetry.flag(f"beta-{number}", rollout=1) is True
        assert telemetry.flag(f"ranking-{number}", "control") == "control"
        assert telemetry.flag("text", f"text {number}", rollout={"a": 0}) == f"text {number}"
    found = telemetry.flagged
    assert list(found._looked_up) == ["beta-0", "ranking-0", "text", "beta-1", "ranking-1"]
    assert (len(found._riding), len(found._exposed)) == (3, 5)
    assert telemetry.flags() == {"beta-0": True, "text": "text 39", "beta-1": True}


def test_no_exposure_without_a_declaration(make_telemetry: MakeTelemetry) -> None:
    """The package makes up no event: in an open world, in a closed one, and where nothing is declared."""
    for options in ({}, {"fields": {"n": "number"}}, {"events": {"search": {"n": "number"}}}):
        telemetry = make_telemetry(**options)
        telemetry.flag("new-ui", rollout=1)
        assert recorded(telemetry) == []
        assert telemetry.losses == {}


# What it costs


def test_nobody_waits_and_nobody_connects(make_telemetry: MakeTelemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lookup opens no socket, though a receiver is in force and nothing is known yet."""
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a lookup connects"))
    telemetry = make_telemetry(destination=Destination.posthog("phc_key"), delivery="thread")
    assert telemetry.flag("ranking", "default") == "default"
    assert not os.path.exists(telemetry.paths["flags"])


def test_two_tools_have_flags_of_their_own(home: Path) -> None:
    """And so have two objects of one tool with directories of their own."""
    made = []
    for name in ("one", "two"):
        (home / name).mkdir()
        (home / name / "opt-in").write_text("true")
        telemetry = Telemetry("mytool", data_dir=home / name)
        allow(telemetry)
        answered(telemetry, ranking=name)
        made.append(telemetry)
    assert [telemetry.flag("ranking") for telemetry in made] == ["one", "two"]
    assert all(telemetry.close(10.0) for telemetry in made)
