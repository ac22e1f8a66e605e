"""Files that somebody else planted, opened up or swapped: nothing is written, erased or waited for beyond our own, and
no yes is taken from whoever could have written it.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment
from discreet import Hash, Telemetry, names, rotation
from discreet.consent import Decision, decide, look
from discreet.destination import Destination
from faults.servers import answering, serving

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has neither these links nor these owners")
root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may act as another user")
STRANGER = 65534
HANG = 20.0  # seconds after which a verb is said to hang
PRECIOUS = b"precious\nand without an end"
NAMES = [*names.FILES.values(), *(rotation.rotated("usage.jsonl", number) for number in range(1, names.LOG_FILES))]
WRITTEN_IN_PLACE = ("usage.jsonl", "lock", "receipts.jsonl")  # all others are written beside it, and renamed


@pytest.fixture
def directory(home: Path) -> Path:
    """The data directory of `mytool`, of a user who agreed."""
    path = home / ".mytool" / "telemetry"
    path.mkdir(parents=True, mode=0o700)
    (path / "opt-in").write_text("true\n")
    return path


def gate(**environ: str) -> Decision:
    """The decision in this test's home."""
    world = {"HOME": os.environ["HOME"], **environ}
    return decide(look("mytool", "opt-in", world, names.Paths("mytool", world)))


def verb(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a verb as a child, which is ended where it hangs."""
    command = [sys.executable, "-m", "discreet", "--tool", "mytool", *arguments]
    environment = clean_environment(home)
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG, check=False
    )


# ---- planted at a name of ours


def use_everything(make_telemetry: Callable[..., Telemetry], url: str) -> None:
    """Whatever is ever done with a file: record, pseudonymize, deliver, ask for flags, show, change, erase."""
    destination = Destination(f"{url}/batch/", api_key="phc", batch_size=1, batch_interval=0)
    options: dict[str, Any] = {"fields": {"word": Hash()}, "identity": "install", "destination": destination}
    telemetry = make_telemetry(opted_in=False, delivery="thread", **options)
    telemetry.track("search", word="apple", n=1)
    telemetry.track("no such name", n=1)  # a loss, which is counted
    telemetry.flag("new-ui")
    telemetry.flush(5.0)
    for arguments in ("on", "flush", "status", "explain", "sent", "preview", "off", "on --enhanced", "clear --yes"):
        assert telemetry.main(arguments.split()) in (0, 1)
    telemetry.close(5.0)


@posix
@pytest.mark.parametrize("name", NAMES)
def test_a_link_at_any_name_leads_nowhere(
    name: str, directory: Path, tmp_path: Path, make_telemetry: Callable[..., Telemetry], swallowed: list[Any]
) -> None:
    """What a symbolic link at a file's name points to is neither changed nor made; at most the link goes."""
    victim, absent = tmp_path / "victim", tmp_path / "absent"
    victim.write_bytes(b"true\n" if name == "opt-in" else PRECIOUS)
    before = victim.read_bytes()
    with serving(answering(200, {}, b'{"flags":{}}')) as server:
        for target in (victim, absent) if name in WRITTEN_IN_PLACE else (victim,):
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "opt-in").write_text("true\n")
            (directory / name).unlink(missing_ok=True)
            (directory / name).symlink_to(target)
            use_everything(make_telemetry, server.origin)
    assert victim.read_bytes() == before
    assert not absent.exists()


@posix
@pytest.mark.parametrize("kind", ["fifo", "socket", "directory", "device"])
def test_what_is_no_file_is_not_waited_for(
    kind: str,
    directory: Path,
    make_telemetry: Callable[..., Telemetry],
    swallowed: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """FIFOs, sockets, directories and links to a device without an end, at all names but that of the answer."""
    for name in set(NAMES) - {"opt-in", "enabled"}:
        path = directory / name
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "directory":
            path.mkdir()
        elif kind == "device":
            path.symlink_to("/dev/zero")
        else:
            monkeypatch.chdir(directory)  # the path of a socket must be short
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(name)
    with serving(answering(200)) as server:
        use_everything(make_telemetry, server.origin)


@posix
def test_the_status_of_a_log_without_an_end(directory: Path, home: Path) -> None:
    """`status` counts what is in a file, and does not count the bytes of a device."""
    (directory / "usage.jsonl").symlink_to("/dev/zero")
    assert "events   0 in 0 bytes" in verb(home, "status").stdout


@posix
def test_a_fifo_in_place_of_the_directory(tmp_path: Path) -> None:
    """Nobody waits at it for a lock."""
    os.mkfifo(tmp_path / "fifo")
    program = "import sys\nfrom discreet.directories import DirectoryLock\nwith DirectoryLock(sys.argv[1]): pass"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "fifo")], timeout=HANG, check=True)


# ---- open to everybody


@posix
@pytest.mark.parametrize("mode", [0o707, 0o777, 0o1777, 0o702])
def test_a_directory_that_everybody_may_write_to(
    mode: int, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is off, beside a yes of the environment too, and the verbs say why."""
    directory.chmod(mode)
    decision = gate(MYTOOL_TELEMETRY_OPT_IN="true")
    assert (decision.enabled, decision.row) == (False, "home")
    assert decision.reason == f"{directory} can be written to by every user"
    assert Telemetry("mytool").main(["on"]) == 1
    assert f"{directory} can be written to by every user" in capsys.readouterr().err


@posix
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o770, 0o775])
def test_a_directory_that_others_may_read(mode: int, directory: Path) -> None:
    """A directory of the user's group, or one that others may look into, is as good as a private one."""
    directory.chmod(mode)
    assert gate().enabled


@root
def test_a_file_renamed_to_a_yes(directory: Path) -> None:
    """Another user, who may write to the directory, makes the marker `enabled` of a file of ours: it is no yes."""
    (directory / "opt-in").unlink()
    (directory / "usage.jsonl").write_text("")
    for path in (directory, *directory.parents):
        if "pytest" in str(path):
            path.chmod(path.stat().st_mode | 0o011)
    directory.chmod(0o777)
    program = "import os, sys; os.setuid(65534); os.chdir(sys.argv[1]); os.rename('usage.jsonl', 'enabled')"
    subprocess.run([sys.executable, "-c", program, str(directory)], timeout=HANG, check=True)
    assert (directory / "enabled").stat().st_uid == os.geteuid()
    assert not gate().enabled


@posix
@pytest.mark.parametrize(("mode", "enabled"), [(0o600, True), (0o644, True), (0o664, True), (0o666, False)])
def test_an_answer_that_everybody_may_write(mode: int, enabled: bool, directory: Path) -> None:
    """Whatever it says, it may be anybody's word: off, as every doubt; the user's next `on` makes it private again."""
    (directory / "opt-in").chmod(mode)
    decision = gate()
    assert decision.enabled is enabled
    if not enabled:
        assert decision.reason == f"{directory / 'opt-in'} can be written to by every user"
    assert Telemetry("mytool").main(["on"]) == 0
    assert gate().enabled
    assert (directory / "opt-in").stat().st_mode & 0o777 == 0o600


# ---- somebody else's


@root
@pytest.mark.parametrize("owner", [STRANGER, 0])
def test_a_link_that_somebody_else_made(owner: int, home: Path, tmp_path: Path) -> None:
    """A link in place of the directory, to one of ours: where our files go is not for another user to choose."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "opt-in").write_text("true\n")
    (home / ".mytool").mkdir()
    link = home / ".mytool" / "telemetry"
    link.symlink_to(mine)
    os.chown(link, owner, -1, follow_symlinks=False)
    for environ in ({}, {"MYTOOL_TELEMETRY_DIR": f"{link}/"}):
        decision = gate(**environ)
        assert decision.enabled is (owner == 0)
        assert owner == 0 or (decision.row == "home" and decision.reason.endswith("belongs to another user"))


SETUID = """
import os, sys
{rights}
import discreet
discreet.init("mytool").track("search", n=1)
discreet.close()
sys.exit(discreet.enabled())
"""


@root
@pytest.mark.parametrize("rights", ["os.setresuid(65534, 0, 0)", "os.setresgid(65534, 0, 0)", ""])
def test_a_program_with_borrowed_rights(rights: str, tmp_path: Path, home: Path) -> None:
    """A setuid or setgid program writes nothing where the environment of whoever started it says: that is how one makes
    it write into a directory of its owner's.
    """
    target = tmp_path / "cron.d"
    target.mkdir(mode=0o700)
    program = tmp_path / "program.py"
    program.write_text(SETUID.format(rights=rights))
    environment = {
        **{name: value for name, value in clean_environment(home).items() if not name.startswith("PYTEST")},
        "MYTOOL_TELEMETRY_DIR": str(target),
        "MYTOOL_TELEMETRY_OPT_IN": "true",
        "DISCREET_DEBUG": "1",
    }
    done = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, timeout=HANG, check=False
    )
    assert (done.returncode, done.stderr) == (0 if rights else 1, b"")
    assert (os.listdir(target) == []) is bool(rights)


@posix
def test_borrowed_rights_are_told(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a doubt like any other, and `explain` has a sentence for it."""
    monkeypatch.setattr(os, "getuid", lambda: STRANGER)
    decision = gate(MYTOOL_TELEMETRY_OPT_IN="true")
    assert (decision.enabled, decision.row) == (False, "home")
    assert decision.reason == "this process has other rights than whoever started it"


@posix
def test_a_directory_swapped_while_we_run(
    directory: Path, tmp_path: Path, make_telemetry: Callable[..., Telemetry]
) -> None:
    """A link put in the place of the directory after the yes was read: no record goes where it leads, since no yes lies
    there; that one was dropped may be counted there.
    """
    telemetry = make_telemetry()
    telemetry.track("search", n=1)
    assert telemetry.flush(5.0)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    directory.rename(tmp_path / "moved")
    directory.symlink_to(elsewhere)
    telemetry.track("search", n=2)
    assert not telemetry.flush(5.0)
    telemetry.close(5.0)
    assert {path.name for path in elsewhere.iterdir()} <= {"losses.json"}
