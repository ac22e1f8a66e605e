"""Manifests: a file is the same declaration as Python, and each mistake in it is told with the file and its place."""

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

import discreet
from discreet import Boolean, Count, Destination, Event, Number, OneOf, Telemetry
from discreet.manifest import KEYS, SECRET_HEADERS
from discreet.names import SMALL_BYTES
from discreet.privacy.declaration import Declaration
from discreet.privacy.plain import plain
from discreet.telemetry import Recorder
from discreet.testing import capture
from privacy.conftest import shape

WHOLE = """
name = "mytool"
version = "1.4.0"
consent = "local"
identity = "install"
delivery = "thread"
data_dir = "/var/lib/mytool"
files = {log = "telemetry.log"}
destination = [
  "https://collector.example.org/v1/traces",
  {url = "https://example.org/r", headers = {X-Site = "lab"}, batch_size = 5, batch_interval = 0, timeout = 2.5},
  {url = "https://us.i.posthog.com/batch/", api_key = "phc_1", time_precision = "day"},
]

[fields]
files = {number = {round_to = 10}, purpose = "how large are the projects?", example = 140}

[events.search]
purpose = "A search was made."
sample = 0.5

[events.search.fields]
fmt = {one_of = ["json", "table"], purpose = "is the table output worth its code?", example = "json"}
results = "count"
domain = {one_of = ["lab", "home"], level = "enhanced"}
tabs = {boolean = true, epsilon = 1.5}

[events.search.fields.sizes]
candidates = "count"
returned = {number = {buckets = [0, 10, 100]}}

[events."import.from_code"]
"""


class Search(Event, sample=0.5):
    """A search was made."""

    fmt = OneOf("json", "table", purpose="is the table output worth its code?", example="json")
    results = Count()
    domain = OneOf("lab", "home", level="enhanced")
    tabs = Boolean(epsilon=1.5)
    sizes = {"candidates": Count(), "returned": Number(buckets=(0, 10, 100))}  # noqa: RUF012  # rows, never changed


class FromCode(Event, name="import.from_code"):  # noqa: D101  # without a docstring there is no purpose
    pass


FIELDS = {"files": Number(10, purpose="how large are the projects?", example=140)}
MAPPING = {
    "search": {
        "purpose": "A search was made.",
        "sample": 0.5,
        "fields": {
            "fmt": {"one_of": ["json", "table"], "purpose": "is the table output worth its code?", "example": "json"},
            "results": "count",
            "domain": OneOf("lab", "home", level="enhanced"),
            "tabs": {"boolean": {"epsilon": 1.5}},
            "sizes": {"candidates": "count", "returned": {"number": {"buckets": [0, 10, 100]}}},
        },
    },
    "import.from_code": {},
}


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """Write a manifest; its path."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "telemetry.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_one_declaration_three_ways(written: Any) -> None:
    """Classes, a mapping and a manifest give the same rows, purposes, rates, and the same plain form for the pipe."""
    from_file = Telemetry.from_manifest(written(WHOLE)).declaration
    from_classes = Declaration([Search, FromCode], FIELDS)
    from_mapping = Declaration(MAPPING, FIELDS)  # type: ignore[arg-type]  # rows of any spelling
    for one in (from_classes, from_mapping):
        assert from_file is not None
        assert shape(from_file.events) == shape(one.events)
        assert shape(from_file.fields) == shape(one.fields)
        assert list(from_file.events) == list(one.events)
        assert from_file.purposes == one.purposes == {"search": "A search was made.", "import.from_code": ""}
        assert from_file.samples == one.samples == {"search": 0.5}
        assert from_file.closed is one.closed is True
        assert plain(from_file) == plain(one)


def test_every_option(written: Any) -> None:
    """Every other key is the option of that name: the same as given to `Telemetry`."""
    one = Telemetry.from_manifest(written(WHOLE))
    assert type(one) is Telemetry
    assert (one.name, one.version, one.mode, one.delivery) == ("mytool", "1.4.0", "local", "thread")
    assert one.identity == "install"
    assert one.paths["log"] == os.path.join("/var/lib/mytool", "telemetry.log")
    wanted = [
        Destination("https://collector.example.org/v1/traces"),
        Destination("https://example.org/r", headers={"X-Site": "lab"}, batch_size=5, batch_interval=0.0, timeout=2.5),
        Destination("https://us.i.posthog.com/batch/", api_key="phc_1", time_precision="day"),
    ]
    assert [each.options() for each in one.destinations] == [each.options() for each in wanted]


def test_what_is_typed(written: Any) -> None:
    """The program's name and the words before a verb, as every text then says them; else the usual ones."""
    one = Telemetry.from_manifest(written('name = "mytool"\nprogram = "my"\nverbs = "--telemetry"'), version="2")
    assert (one.name, one.version, one.program, one.verbs) == ("mytool", "2", "my", "--telemetry")
    assert "`my --telemetry off`" in one.disclosure()
    usual = Telemetry.from_manifest(written('name = "mytool"'))
    assert (usual.program, usual.verbs) == ("mytool", "telemetry")
    assert "verbs" not in vars(usual)
    for key in ("program", "verbs"):
        with pytest.raises(ValueError, match=f"{key} must be what can be typed on one line"):
            Telemetry.from_manifest(written(f'name = "mytool"\n{key} = "a\\u001b[2J"'))
        with pytest.raises(ValueError, match=f"{key} must be text"):
            Telemetry.from_manifest(written(f'name = "mytool"\n{key} = true'))
    for blank in ("", " "):  # beside an empty `verbs` nothing would be left to type
        with pytest.raises(ValueError, match="program must be what can be typed on one line, not "):
            Telemetry.from_manifest(written(f'name = "mytool"\nprogram = "{blank}"'))
    assert Telemetry.from_manifest(written('name = "mytool"\nverbs = ""')).verbs == ""


def test_what_a_line_can_hold(written: Any) -> None:
    """A new option of `Telemetry` or of `Destination` is a key by itself; the user's `settings` are none."""
    options = Telemetry.__init__.__kwdefaults__  # type: ignore[attr-defined]  # of a function
    assert set(KEYS) == {"name", "tool", "program", "verbs", *options} - {"settings"}
    with pytest.raises(ValueError, match="unknown key 'zzzzz'; there are ") as caught:
        Telemetry.from_manifest(written('name = "mytool"\ndestination = {zzzzz = 1}'))
    for option in Destination("https://example.org/").options():
        assert option in str(caught.value)


def test_overrides(written: Any) -> None:
    """An override beats the file; None is no override; a name that only the file's reader knows is an override, too."""
    path = written(WHOLE)
    one = Telemetry.from_manifest(path, consent="off", version=None, destination=None, name="other")
    assert (one.mode, one.version, len(one.destinations), one.name) == ("off", "1.4.0", 3, "other")
    assert Telemetry.from_manifest(path, events={"run": {}}).declaration.events.keys() == {"command", "run", "session"}
    with pytest.raises(ValueError, match=r"^consent must be one of"):
        Telemetry.from_manifest(path, consent="sometimes")
    with pytest.raises(TypeError, match=r"^from_manifest\(\) has no option 'consnt'; did you mean 'consent'\?$"):
        Telemetry.from_manifest(path, consnt="off")
    assert Telemetry.from_manifest(written(""), name="mytool").declaration is None


def test_an_option_that_there_is_none_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """`init` names itself, the option and the one that was meant, inside `capture` as well; the default stays."""
    monkeypatch.setattr(discreet, "_default", Recorder)
    former = discreet.init("former")
    for options, sentence in (
        ({"versoin": "1"}, "init() has no option 'versoin'; did you mean 'version'?"),
        ({"zzz": 1}, "init() has no option 'zzz'; there are version, events, fields, "),
    ):
        for place in (contextlib.nullcontext, capture):
            with place(), pytest.raises(TypeError) as caught:
                discreet.init("mytool", **options)
            assert str(caught.value).startswith(sentence)
            assert caught.value.__suppress_context__
    assert discreet._default is former


def test_an_option_of_a_class_of_the_hosts_own(written: Any) -> None:
    """A subclass may have options of its own: they are not blamed for another error, which stays what it is."""

    class Mine(Telemetry):
        def __init__(self, name: str, *, site: str = "", **options: Any) -> None:
            super().__init__(name, **options)
            if site == "nowhere":
                raise TypeError("there is no such site")

    with pytest.raises(TypeError, match=r"^there is no such site$"):
        Mine.from_manifest(written('name = "mytool"'), site="nowhere", version="1")
    with pytest.raises(TypeError, match=r"no option 'versoin'"):
        Mine.from_manifest(written('name = "mytool"'), site="lab", versoin="1")


def test_an_override_hides_no_mistake(written: Any) -> None:
    """What is wrong in the file is wrong, whoever would have replaced it."""
    path = written('name = "mytool"\nconsent = "sometimes"')
    with pytest.raises(ValueError, match=r"telemetry.toml: consent must be one of"):
        Telemetry.from_manifest(path, consent="off")


@pytest.mark.parametrize("key", ["name", "tool"])
def test_the_name(written: Any, key: str) -> None:
    """The tool's name has two spellings."""
    assert Telemetry.from_manifest(written(f'{key} = "mytool"')).name == "mytool"


def test_a_relative_path(written: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is seen from the current directory; a path object and a text are the same."""
    monkeypatch.chdir(written('name = "mytool"').parent)
    for path in ("telemetry.toml", Path("telemetry.toml")):
        assert Telemetry.from_manifest(path).name == "mytool"


def test_a_class_of_the_hosts_own(written: Any) -> None:
    """A subclass of `Telemetry` makes one of its own."""
    kind = type("Mine", (Telemetry,), {})
    assert type(kind.from_manifest(written('name = "mytool"'))) is kind


NAMED = 'name = "mytool"\n'
MISTAKES = [
    ("", "it names no tool"),
    ('name = ""', "name must match"),
    ('name = "1tool"', "name must match [A-Za-z]"),
    ('name = "a"\ntool = "a"', "name and tool are the same"),
    ("name = 5", "name must be text, not 5"),
    ("name = \n", "(at line 1, column 8)"),
    ('name = "a"\n\nname = "b"\n', "(at line 3, column 11)"),
    ('nme = "a"', "unknown key 'nme'; did you mean 'name'?"),
    (NAMED + "settings = {}", "unknown key 'settings'; there are name, tool, version"),
    (NAMED + "zzz = 1", "unknown key 'zzz'; there are name, tool, version"),
    (NAMED + "version = 1.4", "version must be text, not 1.4"),
    (NAMED + 'version = "1 4"', "version must match"),
    (NAMED + 'consent = "never"', "consent must be one of opt-in, opt-out, local, off"),
    (NAMED + "consent = true", "consent must be text, not True"),
    (NAMED + 'identity = "me"', "identity must be one of run, install"),
    (NAMED + 'delivery = "now"', "delivery must be one of"),
    (NAMED + 'data_dir = "here"', "data_dir must be an absolute path"),
    (NAMED + 'files = "log"', "files must be a table"),
    (NAMED + 'files = {log = "../x"}', "files: 'log' must be a plain file name"),
    (NAMED + 'files = {lgo = "x"}', "files: there is no file 'lgo'"),
    (NAMED + 'fields = "count"', "fields must be a table, such as [fields]"),
    (NAMED + '[fields]\nN = "count"', "fields: 'N' is not a legal field name"),
    (NAMED + '[fields]\nn = "cuont"', "fields, field 'n': 'cuont' is not a conversion"),
    (NAMED + "[fields]\nn = 5", "fields, field 'n': an int is not a conversion"),
    (NAMED + "[[events]]", "events must be a table, such as [events]"),
    (NAMED + '[events]\nsearch = "count"', "event 'search' must be a table, such as [events.search]"),
    (NAMED + "[events.Search]", "'Search' is not a legal event name"),
    (NAMED + "[events.import.from_code]", "event 'import': unknown key 'from_code'"),
    (NAMED + "[events.import.from_code]", 'a name with a dot is quoted: [events."import.from_code"]'),
    (NAMED + '[events.search]\nresults = "count"', "event 'search': unknown key 'results'"),
    (NAMED + '[events."a.b"]\nfmt = "count"', """; its fields stand under [events."a.b".fields]"""),
    (NAMED + "[events.search]\nfmt = {count = true}", "key 'fmt'; its fields stand under [events.search.fields]"),
    (NAMED + '[events.search]\nporpoise = "x"', "event 'search': unknown key 'porpoise'; did you mean 'purpose'?"),
    (NAMED + "[events.search]\npurpose = 5", "event 'search': purpose must be text, not 5"),
    (NAMED + '[events.search]\nsample = "0.1"', "event 'search': sample must be a number"),
    (NAMED + "[events.search]\nsample = 0", "event 'search': sample must be a number above 0"),
    (NAMED + "[events.search]\nsample = true", "event 'search': sample must be a number"),
    (NAMED + "[events.search]\nfields = 5", "event 'search': fields must be a table"),
    (NAMED + '[events.search.fields]\nn = "cuont"', "event 'search', field 'n': 'cuont' is not a conversion"),
    (NAMED + "[events.search.fields]\nn = {one_of = []}", "event 'search', field 'n': at least one text"),
    (
        NAMED + "[events.search.fields]\nn = {number = {rnd = 1}}",
        "event 'search', field 'n': number has no option 'rnd'",
    ),
    (NAMED + '[fields]\nn = {number = {low = 1}, purpos = "x"}', "fields, field 'n': unknown key 'purpos' beside"),
    (NAMED + '[fields]\nn = {one_of = "x"}', "fields, field 'n': one_of takes a list of texts, not 'x'"),
    (NAMED + "[events.search.fields.a.b]\nc = {d = true}", "event 'search', field 'a', field 'b'"),
    (NAMED + "[events.search.fields]\nn = {count = true, example = 2020-01-01}", "events.search.fields.n.example"),
    (NAMED + "[events.search.fields]\nn = {number = {low = nan}}", "events.search.fields.n.number.low: nan"),
    (NAMED + "[events.search.fields]\nn = {number = [-inf]}", "events.search.fields.n.number: -inf"),
    (NAMED + "destination = 5", "destination: url must be printable ASCII without spaces, not of type int"),
    (NAMED + 'destination = "example.org"', "destination: url must begin with https:// (or http://): 'example.org'"),
    (NAMED + "destination = {}", "destination: url is missing"),
    (NAMED + 'destination = {urll = "https://example.org/"}', "destination: unknown key 'urll'; did you mean 'url'?"),
    (NAMED + 'destination = "http://example.org/"', "destination: url: plain http is for loopback only"),
    (NAMED + 'destination = ["https://example.org/", "ftp://x/"]', "destination 2: url must begin with https://"),
    (NAMED + 'destination = ["https://example.org/", "https://example.org/"]', "destination: the same one"),
    (NAMED + 'destination = {url = "https://example.org/", allow_http = "no"}', "destination: allow_http must be true"),
    (NAMED + 'destination = {url = "https://example.org/", headers = ["x"]}', "destination: headers must be a mapping"),
    (NAMED + 'destination = {url = "https://example.org/", headers = {x = 5}}', "destination: headers: the value of x"),
    (NAMED + 'destination = {url = "https://example.org/", batch_size = 0}', "destination: batch_size must be"),
    (NAMED + 'destination = {url = "https://example.org/", format = "xml"}', "destination: format must be one of"),
    (NAMED + "fields.f = " + "{a = " * 300 + '"count"' + "}" * 300, "nested"),  # too deeply for the rows, or for Python
    ("x = " + "[" * 3000 + "]" * 3000, "its values are nested too deeply"),
    ("x = 1979-05-27\na" + ".a" * 5_000 + " = 1", "a key has too many parts"),
    (b"name = '\xff'", "it is not UTF-8 at byte 8"),
    (b"name = 'a'\n#" + b"x" * SMALL_BYTES, "it is larger than 64 KiB"),
]


@pytest.mark.parametrize(("text", "sentence"), MISTAKES, ids=lambda each: repr(each)[:60])
def test_a_mistake_is_told_with_its_place(written: Any, text: str | bytes, sentence: str) -> None:
    """A mistake raises `ValueError` that begins with the file and names the event and the field, or the line."""
    path = written(text)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the text is looked at below
        Telemetry.from_manifest(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert sentence in str(caught.value)
    assert str(caught.value).count(str(path)) == 1


@pytest.mark.parametrize(
    "secret",
    [*(f'headers = {{{name.title()} = "Bearer s3cret"}}' for name in SECRET_HEADERS), 'format = "json"'],
)
def test_a_secret_has_no_place(written: Any, secret: str) -> None:
    """A header that is a secret by its name, and a user with a password, are refused, and not printed."""
    user = "ada:s3cret@" if "format" in secret else ""
    with pytest.raises(ValueError, match=r"(has|have) no place") as caught:
        Telemetry.from_manifest(written(f'{NAMED}destination = {{url = "https://{user}example.org/", {secret}}}'))
    assert "s3cret" not in str(caught.value)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """A file that is missing, or none, is a `ValueError` with its path, and never waited for."""
    os.mkfifo(tmp_path / "fifo")
    for name, sentence in (("missing", "No such file"), ("fifo", "not a regular file"), ("", "not a regular file")):
        with pytest.raises(ValueError, match=sentence) as caught:
            Telemetry.from_manifest(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: ")


def test_the_longest_manifest(written: Any) -> None:
    """Just under the bound is read in full."""
    text = f'name = "mytool"\n[events.last]\n#{"x" * SMALL_BYTES}'
    assert Telemetry.from_manifest(written(text[: SMALL_BYTES - 1])).declaration.closed


def test_no_file_is_made(written: Any, home: Path) -> None:
    """Reading a manifest makes nothing in the user's home, as making a `Telemetry` does not."""
    Telemetry.from_manifest(written(WHOLE))
    assert list(home.iterdir()) == []


def test_importing_the_package_does_not_read_toml(run_python: Any) -> None:
    """The reader of TOML is behind a door: no tool without a manifest loads it."""
    program = "import sys, discreet; discreet.init('mytool', events={'a': {}}); print('tomllib' in sys.modules)"
    assert run_python(program).stdout == "False\n"
    assert not hasattr(discreet, "tomllib")
