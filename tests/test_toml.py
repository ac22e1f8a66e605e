"""The plain part of TOML: whatever is read here is what the standard library reads, and nothing wrong is read."""

import tomllib
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

import test_manifest
from discreet import toml

PLAIN = [
    test_manifest.WHOLE,
    test_manifest.NAMED,
    "",
    "\n\n# nothing\n",
    "a=1\nb = -0\n c\t=\t12.50 # comment\n'd e' = true\n\"f.g\" = false",
    '[a]\nx = "y#z"\n[a.b]\n[c."d.e".\'f\']\nx = \'\\n"\'\n[ g . h ]\n',
    "[a.b]\n[a]\nx = 1\n[a.c]\ny = 2",
    "x = [1, 2.5, [true, []], [ # comment\n 'a', # another\n\n {b = 1} , ] ]",
    "x = {}\ny = { a = 1 , b = {c = 'd'}, e = [\n1\n] }",
    '"ä" = "日本 \u2028 \x85"',
    "x = 999999999999999",
    'x = ""\ny = \'\'\n"" = 1',
]
UNPLAIN = [
    "x = 1_000", "x = 0x1f", "x = 1e3", "x = +1", "x = inf", "x = nan", "x = 2020-01-01", "x = 07:32:00", 'x = "\\n"',
    'x = """a"""', "x = '''a'''", "a.b = 1", "x = {a.b = 1}", "[[a]]", "x = 1\r\n", "x = 9999999999999999",
]  # fmt: skip
WRONG = [
    "x", "x =", "= 1", "x = 1 2", "x = 1\nx = 2", "[a]\n[a]", "[a", "[]", "[a.]", "[a]]", "x = [1", "x = [1 2]",
    "x = {a = 1 b = 2}", "x = {a = 1, a = 2}", 'x = "a', "x = 'a\nb'", "x = 01",
    "x = 1.", "x = .5", "x = -", "x = truee", "x = True", "x = {}\n[x]", "x = {}\n[x.y]", "x = []\n[x]", "x = [,]",
    "[a.b]\n[a]\nb = 1", "[a]\nb = {}\n[a.b]", "\ufeffx = 1", "ä = 1", "x = 1 # \x01", 'x = "\x7f"', "x = \u0661",
    "[a] b = 1", "[a]\n[a.b]\n[a]", "x\n= 1", "x = \n1", "[a.b.c]\n[a]\n[a.b]\nc = 1", "# \x00", "x = '",
    '"a" b = 1', "x = 1\n[x.y]", "x = 1.\u0662",
]  # fmt: skip

NEWER = ["x = {a = 1,}", "x = {a = 1\n}"]  # TOML 1.1: wrong before Python 3.15


def same(text: str) -> bool:
    """Whether a document is plain; what is read then is exactly what `tomllib` reads, the types and the order too."""
    try:
        found = toml.read(text)
    except toml.Unplain:
        return False
    assert repr(found) == repr(tomllib.loads(text)), text
    return True


@pytest.mark.parametrize("text", PLAIN, ids=lambda each: repr(each)[:40])
def test_plain_documents(text: str) -> None:
    """Documents of the plain part are read, and read the same."""
    assert same(text)


@pytest.mark.parametrize("text", UNPLAIN, ids=repr)
def test_other_documents(text: str) -> None:
    """What is right and not plain is left to the other reader."""
    tomllib.loads(text)
    assert not same(text)


@pytest.mark.parametrize("text", WRONG, ids=repr)
def test_wrong_documents(text: str) -> None:
    """What is wrong is not read."""
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
    assert not same(text)


@pytest.mark.parametrize("text", NEWER, ids=repr)
def test_newer_documents(text: str) -> None:
    """What is right for some Pythons only is left to theirs."""
    assert not same(text)


_blank = st.sampled_from(["", " ", "\t", "  "])
_key = st.one_of(
    st.text("abXY09_-", min_size=1, max_size=3),
    st.text("ab .#=[]ä'", max_size=4).map(lambda text: f'"{text}"'),
    st.text('ab .#=[]ä"\\', max_size=4).map(lambda text: f"'{text}'"),
)
_leaf = st.one_of(
    st.integers(-(10**16), 10**16).map(str),
    st.floats(-1e6, 1e6).map(lambda number: f"{number:.3f}"),
    st.sampled_from(
        ["true", "false", '"text # no comment"', "'a\"b\\'", '""', "0", "-0.0", "1e5", "2020-01-01", "0_1"]
    ),
)


def _inner(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    comma = st.sampled_from([",", " ,", ", ", ",\n", " # x\n,\n\t"])
    lists = st.tuples(st.lists(values, max_size=3), comma, _blank, st.booleans()).map(
        lambda drawn: f"[{drawn[2]}{drawn[1].join(drawn[0])}{',' if drawn[3] and drawn[0] else ''}{drawn[2]}]"
    )
    pairs = st.tuples(_key, _blank, values).map(lambda drawn: f"{drawn[0]}{drawn[1]}={drawn[1]}{drawn[2]}")
    return lists | st.lists(pairs, max_size=3).map(lambda drawn: "{" + ", ".join(drawn) + "}")


_value = st.recursive(_leaf, _inner, max_leaves=6)
_header = st.lists(_key, min_size=1, max_size=3).map(lambda names: f"[{'.'.join(names)}]")
_line = st.one_of(
    _header,
    st.tuples(_key, _blank, _value).map(lambda drawn: f"{drawn[0]}{drawn[1]}= {drawn[2]}{drawn[1]}"),
    st.sampled_from(["", "# comment", "\t", "[[a]]", "a.b = 1"]),
)
_document = st.lists(_line, max_size=8).map("\n".join)
many = hypothesis.settings(max_examples=4 * hypothesis.settings().max_examples)


@many
@hypothesis.given(_document)
def test_generated_documents(text: str) -> None:
    """Whatever is made of tables, keys and values: it is read the same, or not here."""
    same(text)


@many
@hypothesis.given(
    st.sampled_from(PLAIN),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from([*"\n\t []{}=,.#'\"\\a0-1_", ""])), max_size=4),
)
def test_spoilt_documents(text: str, edits: list[tuple[float, str]]) -> None:
    """With characters replaced, taken out and put in at any place, nothing wrong is read."""
    for place, letter in edits:
        at = int(place * len(text))
        text = text[:at] + letter + text[at + (len(letter) < 1 or place > 0.5) :]
    same(text)


def test_most_of_what_is_generated_is_plain() -> None:
    """The two tests above do look at documents that are read, and at some that are not."""
    counted: dict[bool, int] = {True: 0, False: 0}

    @many
    @hypothesis.given(_document)
    def count(text: str) -> None:
        counted[same(text)] += 1

    count()
    assert min(counted.values()) > 30


def test_the_manifests_of_the_documents_are_plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A manifest in the plain part is read without the other reader, an option's table and all."""
    import discreet

    def refuse(_: str) -> None:
        pytest.fail("tomllib was asked")

    monkeypatch.setattr(tomllib, "loads", refuse)
    (tmp_path / "telemetry.toml").write_text(test_manifest.WHOLE)
    assert discreet.Telemetry.from_manifest(tmp_path / "telemetry.toml").name == "mytool"
