"""Everything that is printed, by every verb, in a place where every name and every file is hostile: a terminal finds
nothing in it to obey, be it an escape, a C1 control, a change of direction, a character without width or half of one.
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.test_verbs import HOSTILE, clean, record
from discreet import Telemetry, cli
from discreet.__main__ import main
from discreet.cli.standalone import COLLECT
from discreet.hosts import asking

# CSI; OSC 0, 8 and 52 (a title, a link, the clipboard); DCS; C1; right to left; no width; no text at all.
EVIL = (
    "\x1b[2J\x1b]0;title\x07\x1b]8;;http:x\x1b\\\x1b]52;c;cm0=\x07\x1bP1$r\x1b\\\x9b31m\x9d\x85\u202e\u2066\u200b\ufeff"
)
NAME = f"a{EVIL}b\n\r\t\x7f\udcff"  # of a file: all but a NUL and a slash may be in it
MANIFEST = 'name = "mytool"\ndestination = "http://127.0.0.1:9/t"\n[events.sync.fields]\nnumber = "number"\n'
BROKEN = 'name = "mytool"\n[events.sync.fields]\n"{0}" = "{0}"\n'

# By the first word of a verb, what is typed; FILE is a hostile name of a file, EVIL a hostile text.
TYPED = {
    "on": ["", "--enhanced", "FILE"],
    "off": ["", "FILE"],
    "status": ["", "--json", "FILE"],
    "explain": ["", "FILE"],
    "disclosure": ["", "--format json", "--format EVIL", "--check FILE", "--write FILE"],
    "preview": ["", "--wire", "-n EVIL"],
    "report": [
        *("", "--json", "--csv", "--by EVIL", "--event EVIL", "--since EVIL", "FILE", "--html FILE", "--html FILE/x"),
        *("--html -", "--html - --event other", "--xFILE"),
    ],
    "export": ["", "--out FILE", "--out FILE/x"],
    "sent": ["", "--ids", "-n EVIL"],
    "flush": [""],
    "clear": ["--yes", "EVIL"],
    "forget": ["--yes", "EVIL"],
    "log": ["EVIL", "sync --set EVIL", "sync --set EVIL=1", "sync --set word=EVIL", "sync --duration EVIL"],
    "run": ["-- FILE", "--event EVIL -- true", "--EVIL"],
    "collect": ["--out FILE/x --port 0", "--flags FILE", "--token-file FILE", "--host EVIL --no-token", "--port EVIL"],
}


def words(typed: str) -> list[str]:
    """What a shell would make of it, after a name that somebody else gave was completed to."""
    return [word.replace("FILE", NAME).replace("EVIL", EVIL) for word in typed.split()]


@pytest.fixture
def hostile(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: its name and all in it are hostile, and so are the environment and our own files."""
    place = tmp_path / NAME
    try:
        place.mkdir()
    except (OSError, ValueError):
        pytest.skip("the file system here takes no such names")
    directory = home / ".mytool" / "telemetry"
    directory.mkdir(parents=True)
    (directory / "opt-in").write_text(f"true {EVIL}\nsync {EVIL}\n> 127.0.0.1\n> {EVIL}\n")
    (directory / "usage.jsonl").write_bytes(b"".join(HOSTILE) + record(1))
    (directory / "losses.json").write_text(json.dumps({EVIL: 1, "queue_full": 2}))
    (directory / "flags.json").write_text(json.dumps({"v": 1, "from": EVIL, "flags": {EVIL: EVIL}}))
    said = dict.fromkeys(("time", "destination", "format", "sha256", "status", "verdict"), EVIL)
    receipts = [{**said, "ids": [EVIL, "0" * 36]}, {**said, "destination": "http://127.0.0.1:9/t", "format": "json"}]
    (directory / "receipts.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in receipts))
    (directory / "delivery.json").write_text(json.dumps({"v": 1, "period": EVIL, "covered": [EVIL], EVIL: EVIL}))
    (place / NAME).write_text(EVIL)
    (place / "telemetry.toml").write_text(MANIFEST)
    (place / "broken.toml").write_text(BROKEN.format(EVIL.encode("unicode_escape").decode().replace("\\x", "\\u00")))
    monkeypatch.setenv("MYTOOL_TELEMETRY_BATCH_SIZE", EVIL)
    monkeypatch.setenv("MYTOOL_TELEMETRY_HEADERS", EVIL)
    monkeypatch.setenv("MYTOOL_TELEMETRY_FLAG_NEW_UI", EVIL)
    monkeypatch.setenv("MYTOOL_TELEMETRY_CI", EVIL)
    monkeypatch.chdir(place)
    return place


def test_every_verb_is_typed() -> None:
    """No verb without a row in the table here."""
    assert TYPED.keys() == {verb.word for verb in (*cli.VERBS, COLLECT)}


@pytest.mark.parametrize("verb", TYPED)
@pytest.mark.parametrize("head", ["--manifest telemetry.toml", "--tool mytool --data-dir FILE"])
def test_nothing_that_a_terminal_obeys(
    verb: str, head: str, hostile: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Whatever is typed, with or without the tool's manifest, something is said, in text."""
    for typed in TYPED[verb]:
        try:
            status: object = main([*words(head), verb, *words(typed)])
        except SystemExit as ended:
            status = ended.code
        assert status in (0, 1, 2, 127), typed
        out, err = capfdbinary.readouterr()
        assert out or err or status == 0, typed
        assert clean(out.decode()), (typed, out)
        assert clean(err.decode()), (typed, err)


@pytest.mark.parametrize(
    "typed",
    ["EVIL", "--manifest FILE status", "--tool EVIL status", "--manifest broken.toml status", "--tool mytool EVIL"],
)
def test_nothing_of_a_wrong_command_line(typed: str, hostile: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """A name of a tool, of a file or of nothing, and a manifest that is wrong: a sentence, and exit status 2."""
    with pytest.raises(SystemExit) as ended:
        main(words(typed))
    assert ended.value.code == 2
    out, err = capfdbinary.readouterr()
    assert out == b""
    assert clean(err.decode()), err


def test_nothing_by_the_command_of_a_host(
    hostile: Path, capfdbinary: pytest.CaptureFixture[bytes], make_telemetry: Callable[..., Telemetry]
) -> None:
    """`mytool telemetry ...` in a tool whose configuration is hostile, too."""
    settings = {EVIL: EVIL, "endpoint": EVIL, "format": EVIL, "posthog_api_key": EVIL}
    telemetry = make_telemetry(opted_in=False, settings=settings)
    for typed in (["status", EVIL], [EVIL], ["--EVIL" + EVIL], ["explain"], ["flush"], ["preview", "--wire"]):
        with contextlib.suppress(SystemExit):
            telemetry.main(typed)
        out, err = capfdbinary.readouterr()
        assert out or err
        assert clean(out.decode()), (typed, out)
        assert clean(err.decode()), (typed, err)


def test_nothing_of_the_question(capfd: pytest.CaptureFixture[str]) -> None:
    """What is said before somebody may answer, a path of theirs among it, is one line of text each."""
    asking._say(f"Records are kept in /home/{EVIL}.", EVIL)
    said = capfd.readouterr().err
    assert clean(said)
    assert "\\x1b" in said
