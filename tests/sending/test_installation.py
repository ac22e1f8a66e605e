"""What is kept for an installation: the salt and the id, made once, by whoever comes first, from nothing but chance."""

import errno
import hashlib
import os
import re
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import agreed
from consent.test_home import STRANGER, root
from discreet import Telemetry, consent, directories, names
from discreet.directories import DirectoryLock
from discreet.log import Encoder
from discreet.sending.installation import Pseudonyms, drawn, install_id, pseudonym

LONG = 10.0  # seconds: a bound on hangs, never a measure
MakeTelemetry = Callable[..., Telemetry]


def test_an_id_is_made_once(paths: names.Paths, directory: Path) -> None:
    """The id is 32 hex digits, private, the same for each process, and another one when the file was removed."""
    first = install_id(paths, consent.signature(paths))
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert install_id(paths, consent.signature(paths)) == first
    assert (directory / "id").read_text() == f"{first}\n"
    assert stat.S_IMODE((directory / "id").stat().st_mode) == 0o600
    (directory / "id").unlink()
    assert install_id(paths, consent.signature(paths)) != first


@pytest.mark.parametrize("empty", [False, True])
def test_whoever_comes_first(paths: names.Paths, directory: Path, empty: bool) -> None:
    """Threads that make the id at the same moment all end up with the same one, and where it was empty, too."""
    if empty:
        directory.mkdir()
        (directory / "id").touch()
    barrier = threading.Barrier(8)
    found: list[str] = []

    def make() -> None:
        barrier.wait(LONG)
        found.append(install_id(paths, consent.signature(paths)))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("content", [b"\0", b"ab" * 15, b"AB" * 16, b"not hex digits at all, but as long", b"\x00\xff"])
def test_a_foreign_file_is_refused(paths: names.Paths, directory: Path, content: bytes) -> None:
    """A file that we did not write is neither used nor overwritten."""
    directory.mkdir()
    (directory / "id").write_bytes(content)
    with pytest.raises(OSError, match="not the id"):
        install_id(paths, consent.signature(paths))
    assert (directory / "id").read_bytes() == content


@pytest.mark.parametrize("key", ["id", "salt"])
@pytest.mark.parametrize("content", [b"", b"\n"])
def test_an_empty_file_is_made_anew(paths: names.Paths, directory: Path, key: str, content: bytes) -> None:
    """A power cut soon after the first run leaves the name and nothing in it; without a yes it stays so."""
    directory.mkdir()
    (directory / key).write_bytes(content)
    signed = consent.signature(paths)
    off = Pseudonyms(paths, None, lambda: consent.look("mytool", "opt-in", {}, paths))
    for make in (lambda: install_id(paths, None), lambda: off("search", "word", b"value")):
        with pytest.raises(OSError, match=f"not the {key}|No such file"):
            make()
    assert (directory / key).read_bytes() == content
    pseudonyms = Pseudonyms(paths, signed, agreed)
    first = (install_id(paths, signed), pseudonyms("search", "word", b"value"))
    assert (directory / key).read_bytes().strip()
    again = Pseudonyms(paths, signed, agreed)
    assert first == (install_id(paths, signed), again("search", "word", b"value"))


@pytest.mark.parametrize("meanwhile", ["", "ab" * 32])
def test_two_processes_see_an_empty_file(paths: names.Paths, directory: Path, meanwhile: str) -> None:
    """The other one may have taken it away, or made its own, between two steps of this one: no event is dropped."""
    directory.mkdir()
    (directory / "salt").touch()

    def look() -> consent.Facts:
        (directory / "salt").unlink(missing_ok=True)
        if meanwhile:
            (directory / "salt").write_text(meanwhile)
        return agreed()

    pseudonyms = Pseudonyms(paths, None, look)
    assert pseudonyms("search", "word", b"value")
    assert pseudonyms.salt.hex() == (directory / "salt").read_text().strip()
    assert os.listdir(directory) == ["salt"]


@root
def test_another_users_id_is_none(paths: names.Paths, directory: Path) -> None:
    """Somebody who chose it would know whose the records are."""
    directory.mkdir()
    (directory / "id").write_text("ab" * 16 + "\n")
    os.chown(directory / "id", STRANGER, -1)
    with pytest.raises(PermissionError):
        install_id(paths, consent.signature(paths))


def test_a_pseudonym_is_of_its_place() -> None:
    """The same value has another pseudonym under another salt, event, field and month; 16 hex digits each time."""
    base = (b"s" * 32, "search", "word", "2026-11", b"value")
    others = [
        (b"t" * 32, *base[1:]),
        (base[0], "import", *base[2:]),
        (*base[:2], "path", *base[3:]),
        (*base[:3], "2026-12", base[4]),
        (*base[:4], b"another"),
    ]
    found = [pseudonym(*place) for place in (base, *others)]
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in found)
    assert len(set(found)) == len(found)
    assert pseudonym(*base) == found[0]


def test_a_pseudonym_changes_with_the_month(paths: names.Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one process too a value gets another pseudonym when the UTC month ends, and keeps it until then."""
    first_of_december = 1_796_083_200  # 2026-12-01T00:00:00Z
    pseudonyms = Pseudonyms(paths, None, agreed)
    found = []
    for moment in (-86400 * 29, -1, 0, 86400 * 30):
        monkeypatch.setattr(time, "time", lambda moment=moment: first_of_december + moment)
        found.append(pseudonyms("search", "word", b"value"))
    assert found[0] == found[1] != found[2] == found[3]


def test_what_cannot_be_read_just_now_is_there(paths: names.Paths, directory: Path) -> None:
    """A salt in use, and an id, are erased where their files are gone, or hold others, and not where a disk fails."""
    install, pseudonyms = install_id(paths, consent.signature(paths)), Pseudonyms(paths, None, agreed)
    pseudonyms("search", "word", b"value")
    assert not pseudonyms.erased(install)
    for key in ("salt", "id"):
        file, kept = directory / key, (directory / key).read_text()
        file.unlink()
        assert pseudonyms.erased(install)
        file.mkdir()
        assert not pseudonyms.erased(install)
        file.rmdir()
        file.write_text(kept[::-1])
        assert pseudonyms.erased(install)
        file.write_text(kept)
    assert not pseudonyms.erased(install)


def test_a_lot_is_for_good(paths: names.Paths, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lot is drawn from the salt that hashes are keyed by, made at the first of either; no month changes it."""
    pseudonyms = Pseudonyms(paths, None, agreed)
    lot = pseudonyms.draw("search", "kind", b"json")
    salt = bytes.fromhex((directory / "salt").read_text())
    assert lot == drawn(salt, "search", "kind", b"json")
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0)
    assert (
        pseudonyms.draw("search", "kind", b"json")
        == Pseudonyms(paths, None, agreed).draw("search", "kind", b"json")
        == lot
    )
    pseudonyms("search", "kind", b"json")
    assert bytes.fromhex((directory / "salt").read_text()) == salt


def test_a_lot_is_blake2b() -> None:
    """It is the algorithm that the documentation names, keyed and personalized, so that anybody can check it."""
    digest = hashlib.blake2b(
        b"search\0kind\0json", key=b"s" * 32, digest_size=32, person=b"discreet.answer"
    ).hexdigest()
    assert drawn(b"s" * 32, "search", "kind", b"json") == int(digest, 16)


def test_the_salt_is_made_at_the_first_hash(make_telemetry: MakeTelemetry, read_log: Any) -> None:
    """Until a hash is needed there is no salt; then all processes of the installation share it, and neither it nor the
    value is on the log.
    """
    found = []
    for _ in range(2):
        telemetry = make_telemetry(fields={"word": "hash"})
        directory = Path(telemetry.paths.directory)
        telemetry.track("search", n=1)
        assert telemetry.flush(LONG)
        assert (directory / "salt").exists() == bool(found)
        telemetry.track("search", word="secret")
        assert telemetry.flush(LONG)
        found.append(read_log(directory)[-1]["properties"]["word"])
        assert telemetry.close(LONG)
    assert found[0] == found[1]
    salt = (directory / "salt").read_text().strip()
    assert len(salt) == 64
    log = (directory / "usage.jsonl").read_text()
    assert salt not in log
    assert "secret" not in log


def test_an_id_where_the_author_asked_for_it(make_telemetry: MakeTelemetry, read_log: Any) -> None:
    """With `identity="install"` every record carries the id, else none does, and no file is made."""
    plain = make_telemetry()
    directory = Path(plain.paths.directory)
    plain.track("search", n=1)
    assert plain.flush(LONG)
    assert not (directory / "id").exists()
    marked = make_telemetry(identity="install")
    marked.track("search", n=2)
    assert marked.flush(LONG)
    records = read_log(directory)
    assert [record.get("install") for record in records] == [None, (directory / "id").read_text().strip()]


def test_an_id_that_cannot_be_kept(make_telemetry: MakeTelemetry, read_log: Any) -> None:
    """Where the id can be neither read nor made, records go without one, and that is counted."""
    telemetry = make_telemetry(identity="install")
    directory = Path(telemetry.paths.directory)
    (directory / "id").mkdir()
    telemetry.track("search", n=1)
    assert telemetry.close(LONG)
    assert ["install" in record for record in read_log(directory)] == [False]
    assert '"install":1' in (directory / "losses.json").read_text()


def test_a_salt_that_cannot_be_kept(make_telemetry: MakeTelemetry, read_log: Any, swallowed: Any) -> None:
    """Without a salt an event with a hash is dropped and counted; the value never leaves in another form."""
    telemetry = make_telemetry(fields={"word": "hash"})
    directory = Path(telemetry.paths.directory)
    (directory / "salt").mkdir()
    telemetry.track("search", word="secret")
    telemetry.track("search", n=1)
    assert telemetry.flush(LONG)
    assert [record["properties"] for record in read_log(directory)] == [{"n": 1}]
    assert [reason for reason, _ in swallowed] == ["conversion"]


@pytest.mark.skipif(os.name == "nt", reason="no such lock")
def test_who_makes_the_salt_waits_once(
    make_telemetry: MakeTelemetry, monkeypatch: pytest.MonkeyPatch, read_log: Any, swallowed: Any
) -> None:
    """Without hard links, while a stopped process has the lock of the directory: the host waits for it at the first
    event, and not at each. Once the lock is free, the salt is made.
    """

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    waits: list[float] = []
    telemetry = make_telemetry(fields={"word": "hash"})
    directory = Path(telemetry.paths.directory)
    telemetry.track("search", n=0)
    assert telemetry.flush(LONG)
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(directories, "time", SimpleNamespace(sleep=waits.append))
    with DirectoryLock(str(directory)) as held:
        assert held
        for _ in range(3):
            telemetry.track("search", word="secret")
            assert 0 < sum(waits) < 0.11
    telemetry.track("search", word="secret")
    assert telemetry.flush(LONG)
    assert [list(record["properties"]) for record in read_log(directory)] == [["n"], ["word"]]
    assert [reason for reason, _ in swallowed] == ["conversion"] * 3


@pytest.mark.parametrize("verb", [["clear", "--yes"], ["off"]])
def test_nothing_is_made_after_an_end(make_telemetry: MakeTelemetry, swallowed: Any, verb: list[str]) -> None:
    """A process that runs on makes no salt where the user has said no, and nothing at all where all was erased."""
    telemetry = make_telemetry(fields={"word": "hash"})
    directory = Path(telemetry.paths.directory)
    telemetry.track("search", n=1)
    assert telemetry.flush(LONG)
    assert make_telemetry(opted_in=False).main(verb) == 0
    left = sorted(os.listdir(directory)) if directory.exists() else None
    telemetry.track("search", word="secret")
    telemetry.lose("conversion")
    telemetry.flush(LONG)
    telemetry.close(LONG)
    after = sorted(os.listdir(directory)) if directory.exists() else None
    assert after == left if left is None else set(after) <= {*left, "losses.json"}
    assert {reason for reason, _ in swallowed} <= {"conversion"}


def test_an_erased_id_is_used_no_more(make_telemetry: MakeTelemetry, read_log: Any) -> None:
    """After `clear` and a new yes a process that runs on records under the new id, and as another run."""
    telemetry = make_telemetry(identity="install")
    directory = Path(telemetry.paths.directory)
    telemetry.track("search", n=1)
    assert telemetry.flush(LONG)
    (before,) = read_log(directory)
    verbs = make_telemetry(opted_in=False)
    assert verbs.main(["clear", "--yes"]) == 0
    assert verbs.main(["on"]) == 0
    for number in (2, 3):
        telemetry.track("search", n=number)
        telemetry.flush(LONG)
    (after,) = read_log(directory)
    assert after["properties"] == {"n": 3}
    assert after["install"] == (directory / "id").read_text().strip() != before["install"]
    assert after["run"] != before["run"]


def test_a_salt_is_made_under_a_renewed_yes(make_telemetry: MakeTelemetry, read_log: Any) -> None:
    """A process that runs on, and whose first hash comes after a second yes, has its salt."""
    telemetry = make_telemetry(fields={"word": "hash"})
    directory = Path(telemetry.paths.directory)
    telemetry.track("search", n=1)
    assert telemetry.flush(LONG)
    assert make_telemetry(opted_in=False).main(["on"]) == 0
    for number in range(3):
        telemetry.track("search", word="a word", n=number)
        telemetry.flush(LONG)
    assert [set(record["properties"]) for record in read_log(directory)[1:]] == [{"word", "n"}] * 2
    assert telemetry.losses == {}


def test_a_record_between_two_consents(
    make_telemetry: MakeTelemetry, read_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was encoded just before the change and is queued just after it carries the old id: it is dropped."""
    telemetry = make_telemetry(identity="install")
    directory = Path(telemetry.paths.directory)
    telemetry.track("search", n=1)
    assert telemetry.flush(LONG)
    encode = Encoder.encode

    def slowly(self: Encoder, event: str, properties: Any) -> bytes:
        line = encode(self, event, properties)
        if properties == {"n": 2}:
            for verb in (["clear", "--yes"], ["on"]):
                assert make_telemetry(opted_in=False).main(verb) == 0
            telemetry.track("search", n=3)  # meets the change
            telemetry.flush(LONG)
        return line

    monkeypatch.setattr(Encoder, "encode", slowly)
    telemetry.track("search", n=2)
    telemetry.track("search", n=4)
    telemetry.flush(LONG)
    assert [record["properties"] for record in read_log(directory)] == [{"n": 4}]


@pytest.mark.parametrize("meanwhile", [False, True], ids=["gone", "made anew"])
def test_what_clear_erased_is_used_no_more_under_a_variable(
    make_telemetry: MakeTelemetry, read_log: Any, monkeypatch: pytest.MonkeyPatch, meanwhile: bool
) -> None:
    """No file holds the yes, so none tells of `clear` but the id and the salt themselves: both are others after it, as
    is the run, and what waited is not written. So it is where another process has made new ones meanwhile.
    """
    monkeypatch.setenv("MYTOOL_TELEMETRY_OPT_IN", "true")
    telemetry = make_telemetry(opted_in=False, identity="install", fields={"word": "hash"})
    directory = Path(telemetry.paths.directory)
    telemetry.track("search", word="w")
    assert telemetry.flush(LONG)
    (before,) = read_log(directory)
    assert make_telemetry(opted_in=False).main(["clear", "--yes"]) == 0
    if meanwhile:
        another = make_telemetry(opted_in=False, identity="install", fields={"word": "hash"})
        another.track("search", word="v")
        assert another.flush(LONG)
    telemetry.track("search", word="w", n=1)
    assert not telemetry.flush(LONG)
    telemetry.track("search", word="w", n=2)
    assert telemetry.flush(LONG)
    *others, after = read_log(directory)
    assert len(others) == meanwhile
    assert after["properties"]["n"] == 2
    assert all(before[key] != after[key] for key in ("install", "run"))
    assert after["install"] == (directory / "id").read_text().strip()
    assert before["properties"]["word"] != after["properties"]["word"]


def test_clear_is_undone_by_a_record_alone(make_telemetry: MakeTelemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a yes by variable a process that meets a `clear` makes nothing again, but the count of what it discarded,
    until it records.
    """
    monkeypatch.setenv("MYTOOL_TELEMETRY_OPT_IN", "true")
    telemetry = make_telemetry(opted_in=False, fields={"word": "hash"}, destination="https://one.example/t")
    directory = Path(telemetry.paths.directory)
    telemetry.track("search", word="w")
    assert telemetry.flush(LONG)
    assert make_telemetry(opted_in=False).main(["clear", "--yes"]) == 0
    telemetry.track("search", word="w")
    assert not telemetry.flush(LONG)
    assert [path.name for path in directory.iterdir()] == ["losses.json"]
    telemetry.track("search", word="w")
    assert telemetry.flush(LONG)
    assert (directory / "usage.jsonl").exists()


def test_an_event_that_outlasts_clear(make_telemetry: MakeTelemetry, read_log: Any) -> None:
    """What was converted with the salt of before is not written under the run of after."""
    telemetry = make_telemetry(fields={"word": "hash", "n": "count"})
    directory = Path(telemetry.paths.directory)
    telemetry.track("search", word="w")
    assert telemetry.flush(LONG)

    class Slow(list[int]):
        def __len__(self) -> int:
            verbs = make_telemetry(opted_in=False)
            assert verbs.main(["clear", "--yes"]) == 0
            assert verbs.main(["on"]) == 0
            telemetry.track("other", n=[1])
            assert not telemetry.flush(LONG)  # another thread's: from here on the run is another
            return 1

    telemetry.track("search", word="w", n=Slow())
    telemetry.flush(LONG)
    assert read_log(directory) == []
