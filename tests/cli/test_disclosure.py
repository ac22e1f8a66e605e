"""The verb `disclosure`, driven as an author and a build would: print, check, write."""

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import discreet
from conftest import case, clean_environment
from discreet import Telemetry, cli
from discreet.cli.section import BEGIN, END
from discreet.privacy.disclosure import content
from discreet.privacy.page import markdown
from discreet.privacy.schema import schema

README = f"# mytool\n\nAbout.\n\n## Telemetry\n\n{BEGIN}\n{END}\n\n## Licence\n\nFree.\n"
Verb = Callable[..., tuple[int, str, str]]


@pytest.fixture
def telemetry() -> Telemetry:
    """A tool with a small declaration."""
    return Telemetry("mytool", fields={"n": discreet.Count(purpose="how many?")}, destination="https://a.example.org/")


@pytest.fixture
def verb(telemetry: Telemetry, capsys: pytest.CaptureFixture[str]) -> Verb:
    """Run `mytool telemetry disclosure ...`: the exit status, stdout and stderr."""

    def run(*arguments: str, of: Telemetry = telemetry) -> tuple[int, str, str]:
        try:
            status = of.main(["disclosure", *arguments])
        except SystemExit as ended:
            status = int(str(ended.code))
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    """A README whose section was never written."""
    path = tmp_path / "README.md"
    path.write_text(README)
    return path


def test_markdown(telemetry: Telemetry, verb: Verb) -> None:
    """Without options it prints what `Telemetry.disclosure` returns."""
    assert verb() == verb("--format", "markdown") == (0, telemetry.disclosure(), "")


def test_json(telemetry: Telemetry, verb: Verb) -> None:
    """`--format json` prints the same as values."""
    status, out, err = verb("--format", "json")
    assert (status, json.loads(out), err) == (0, content(telemetry), "")


@pytest.mark.parametrize("identity", ["run", "install"])
def test_schema(verb: Verb, identity: str) -> None:
    """`--format schema` prints a schema that is one, of this tool's records with or without an installation."""
    telemetry = Telemetry("mytool", identity=identity)
    status, out, err = verb("--format", "schema", of=telemetry)
    assert (status, err) == (0, "")
    assert json.loads(out) == schema("mytool", telemetry.declaration, install=identity == "install")
    jsonschema.Draft202012Validator.check_schema(json.loads(out))
    assert ("install" in json.loads(out)["properties"]) is (identity == "install")


@pytest.mark.parametrize("form", ["json", "schema"])
def test_no_format_is_obeyed(verb: Verb, form: str) -> None:
    """Whatever a terminal might obey is an escape of JSON's, so that programs read what the author wrote."""
    odd = "a\x9b31m\u202eb\u2066\x7f\ue000\U000e0041c grün \U0001f600"
    telemetry = Telemetry("mytool", fields={"n": discreet.OneOf("one", purpose=odd)})
    status, out, err = verb("--format", form, of=telemetry)
    assert (status, err) == (0, "")
    assert all(line.isprintable() for line in out.splitlines())
    assert r"a\u009b31m\u202eb\u2066\u007f\ue000\udb40\udc41c grün 😀" in out
    known = json.loads(out)
    assert known == (content(telemetry) if form == "json" else schema("mytool", telemetry.declaration, install=False))


def test_write_then_check(verb: Verb, readme: Path, telemetry: Telemetry) -> None:
    """What was out of date is written, and is up to date then; its headings stand below the one above them."""
    status, _, err = verb("--check", str(readme))
    assert status == 1
    assert err == (
        f"mytool telemetry: {readme} is out of date; renew it with `mytool telemetry disclosure --write {readme}`\n"
    )
    assert verb("--write", str(readme)) == (0, f"{readme} is renewed.\n", "")
    text = readme.read_text()
    before, after = README.split(f"{BEGIN}\n{END}")
    inner = markdown(content(telemetry), 3, titled=False)
    assert text == f"{before}{BEGIN}\n\n{inner}\n{END}{after}"
    assert "\n### What is recorded\n" in text
    assert verb("--check", str(readme)) == (0, f"{readme} is up to date.\n", "")
    assert verb("--format", "markdown", "--check", str(readme))[0] == 0  # which it is anyway


def test_the_difference_is_shown(verb: Verb, readme: Path) -> None:
    """A check that fails shows what is different, and not the rest of the page."""
    verb("--write", str(readme))
    readme.write_text(readme.read_text().replace("how many?", "how much?"))
    status, out, _ = verb("--check", str(readme))
    lines = out.splitlines()
    assert status == 1
    assert lines[:2] == [f"--- {readme}", "+++ what is declared"]
    assert [line for line in lines if line.startswith("-|")] == [
        "-| `n` | How many there are, not which ones. | `3` | how much? |"
    ]
    assert [line for line in lines if line.startswith("+|")] == [
        "+| `n` | How many there are, not which ones. | `3` | how many? |"
    ]
    assert len(lines) <= 8


def test_a_long_difference_is_cut(verb: Verb, readme: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a section that was never written only the beginning is shown, and how much more there is."""
    _, out, _ = verb("--check", str(readme))
    lines = out.splitlines()
    assert len(lines) == 31
    assert lines[-1].startswith("... and ")
    whole = 30 + int(lines[-1].split()[2])
    monkeypatch.setattr(cli.disclosure, "_DIFFERENCES", whole)
    assert len(verb("--check", str(readme))[1].splitlines()) == whole


def test_the_file_is_not_obeyed(verb: Verb, readme: Path) -> None:
    """Nothing in the file reaches a terminal as a command."""
    readme.write_text(README.replace(END, f"\x1b[31mred\x07\n{END}"))
    _, out, err = verb("--check", str(readme))
    assert "\x1b" not in out + err
    assert "\\x1b[31mred\\x07" in out


@pytest.mark.parametrize(
    "change",
    [
        {"fields": {"n": discreet.Count(purpose="how many?"), "m": discreet.Count()}},
        {"fields": {"n": discreet.TextCount(purpose="how many?")}},
        {"fields": {"n": discreet.Count(purpose="why?")}},
        {"fields": {"n": discreet.Count(purpose="how many?", level="enhanced")}},
        {"destination": "https://b.example.org/"},
        {"destination": None},
        {"consent": "opt-out"},
        {"identity": "install"},
        {"data_dir": "~/.cache/mytool"},
    ],
    ids=case,
)
def test_whatever_changes_shows(verb: Verb, readme: Path, change: dict[str, Any]) -> None:
    """A field, a conversion, a purpose, a level, a host, a mode: each makes the section out of date."""
    verb("--write", str(readme))
    options = {"fields": {"n": discreet.Count(purpose="how many?")}, "destination": "https://a.example.org/"}
    assert verb("--check", str(readme), of=Telemetry("mytool", **options))[0] == 0
    assert verb("--check", str(readme), of=Telemetry("mytool", **{**options, **change}))[0] == 1


def test_a_release_changes_nothing(verb: Verb, readme: Path) -> None:
    """A new version of the tool leaves its README alone."""
    verb("--write", str(readme), of=Telemetry("mytool", version="1.0"))
    assert verb("--check", str(readme), of=Telemetry("mytool", version="2.0"))[0] == 0


@pytest.mark.parametrize("option", ["--check", "--write"])
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.write_text("# mytool\n"), f"there is no line `{BEGIN}`"),
        (lambda path: path.write_text(f"{END}\n{BEGIN}\n"), "the end stands before the beginning"),
        (lambda path: path.write_bytes(b"\xff\xfe#\0"), "not a text in UTF-8"),
        (lambda path: path.mkdir(), os.strerror(errno.EISDIR)),
        (lambda path: None, os.strerror(errno.ENOENT)),
    ],
    ids=["no markers", "crossed", "not UTF-8", "a directory", "missing"],
)
def test_no_section(verb: Verb, tmp_path: Path, option: str, make: Callable[[Path], object], why: str) -> None:
    """Without markers, or without a text, it is a wrong use: exit 2 and a sentence, and the file stays as it is."""
    path = tmp_path / "page.md"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    assert verb(option, str(path)) == (2, "", f"mytool telemetry: {path}: {why}\n")
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize("arguments", [["--format", "json", "--check", "x"], ["--format", "schema", "--write", "x"]])
def test_not_both(verb: Verb, arguments: list[str]) -> None:
    """A file is checked as Markdown only."""
    status, out, err = verb(*arguments)
    assert (status, out) == (2, "")
    assert "--check and --write are about Markdown" in err


@pytest.mark.parametrize("option", ["--check", "--write"])
def test_a_name_that_is_empty(verb: Verb, option: str) -> None:
    """A variable of a script that is not set is no file that is up to date."""
    told = "mytool telemetry: --check and --write want the name of a file\n"
    assert verb(option, "") == (2, "", told)


def test_check_or_write(verb: Verb) -> None:
    """Checking and writing at once means nothing."""
    status, _, err = verb("--check", "x", "--write", "x")
    assert status == 2
    assert "not allowed with argument" in err


@pytest.mark.parametrize("mode", [0o640, 0o444])
def test_write_keeps_what_is_not_its_own(verb: Verb, readme: Path, mode: int) -> None:
    """Line ends, a mark at the beginning, an odd character, the missing last newline and the mode stay."""
    content = "\ufeff" + README.replace("About.", "Ab\x0cout\u2028é").replace("\n", "\r\n").rstrip()
    readme.write_bytes(content.encode())
    readme.chmod(mode)
    assert verb("--write", str(readme))[0] == 0
    written = readme.read_bytes().decode()
    begin, end = written.index(BEGIN), written.index(END)
    before, after = content.split(f"{BEGIN}\r\n{END}")
    assert (written[:begin], written[end + len(END) :]) == (before, after)
    assert written.count("\n") == written.count("\r\n") > 50
    assert stat.S_IMODE(readme.stat().st_mode) == mode
    assert verb("--check", str(readme))[0] == 0


def test_write_leaves_no_other_file(verb: Verb, readme: Path) -> None:
    """Nothing lies beside the file afterwards, and a file that is up to date is not written."""
    verb("--write", str(readme))
    before = readme.stat()
    assert verb("--write", str(readme)) == (0, f"{readme} is up to date.\n", "")
    assert (readme.stat().st_ino, readme.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [path.name for path in readme.parent.iterdir() if path.name != "home"] == ["README.md"]


def test_write_through_a_link(verb: Verb, readme: Path, tmp_path: Path) -> None:
    """A symbolic link stays one, and the file that it leads to is renewed."""
    link = tmp_path / "link.md"
    link.symlink_to(readme)
    assert verb("--write", str(link))[0] == 0
    assert link.is_symlink()
    assert "What is recorded" in readme.read_text()


def test_a_full_disk(verb: Verb, readme: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file cannot be written it stays as it was, nothing lies beside it, and the exit status is 1."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(readme))

    monkeypatch.setattr(os, "replace", full)
    status, out, err = verb("--write", str(readme))
    assert (status, out) == (1, "")
    assert err == f"mytool telemetry: {readme}: {os.strerror(errno.ENOSPC)}\n"
    assert readme.read_text() == README
    assert [path.name for path in readme.parent.iterdir() if path.name != "home"] == ["README.md"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written(verb: Verb, readme: Path) -> None:
    """A file in a directory of somebody else's is a failure with a sentence."""
    readme.parent.chmod(0o555)
    try:
        status, _, err = verb("--write", str(readme))
    finally:
        readme.parent.chmod(0o755)
    assert status == 1
    assert os.strerror(errno.EACCES) in err


def test_without_the_tool(home: Path) -> None:
    """`discreet --tool` does not know the declaration, and says whom to ask: a wrong use of it."""
    for arguments in ([], ["--format", "json"], ["--check", "README.md"]):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "discreet", "--tool", "mytool", "disclosure", *arguments],
            env=clean_environment(home),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "discreet --tool mytool: only mytool itself knows what it declares, and it is not asked here. "
            "Try `mytool telemetry disclosure`.\n"
        )


def test_the_other_verbs_do_not_pay(home: Path) -> None:
    """The verbs alone load nothing of the disclosure: each `run` in a Makefile would wait for it."""
    program = "import sys, discreet.cli; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=clean_environment(home), capture_output=True, text=True, check=True
    )
    rooms = ("disclosure", "page", "schema", "words", "examples")
    assert not {"difflib", "discreet.cli.section", *(f"discreet.privacy.{room}" for room in rooms)} & set(
        done.stdout.split()
    )


def test_nothing_is_made(verb: Verb, home: Path, readme: Path) -> None:
    """Asking for it makes no file and no directory of the tool."""
    for arguments in ([], ["--format", "json"], ["--format", "schema"], ["--write", str(readme)]):
        assert verb(*arguments)[0] == 0
    assert list(home.iterdir()) == []
