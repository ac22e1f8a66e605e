"""Text in columns: what stays, what is escaped, and how wide it is."""

import pytest

from discreet.report.columns import fitted, padded, safe, width, wrapped


@pytest.mark.parametrize("code", [*range(0x20), 0x5C, *range(0x7F, 0x100), 0x200E, 0x2028, 0x202E, 0xD800, 0x1F600])
def test_safe_escapes_and_hides_nothing(code: int) -> None:
    """A dangerous character becomes an escape that names it, so that two texts never look the same."""
    shown = safe(chr(code))
    assert shown.startswith("\\")
    assert shown.encode("ascii").decode("unicode_escape") == chr(code)


def test_safe_leaves_plain_text_alone() -> None:
    """Printable ASCII, the backslash aside, stays as it is."""
    plain = "".join(map(chr, range(0x20, 0x7F))).replace("\\", "")
    assert safe(plain) == plain


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", "shift_jis", "cp437"])
def test_safe_keeps_what_the_encoding_has(encoding: str) -> None:
    """What is printable and can be written stays, all else is an escape, and the whole can be written."""
    text = "gr\xf6\xdfe \u65e5\u672c \u05d0 \u202e\u200b\x9b\x1b[2J\ud800\n"
    shown = safe(text, encoding)
    assert shown.isprintable()
    assert shown.encode(encoding).decode(encoding) == shown
    for each in "\xf6\u65e5\u05d0":
        try:
            each.encode(encoding)
        except UnicodeEncodeError:
            assert each not in shown
        else:
            assert each in shown
    assert shown.endswith("\\u202e\\u200b\\x9b\\x1b[2J\\ud800\\n")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("json", 4),
        ("gr\xf6\xdfe", 5),
        ("\u65e5\u672c\u8a9e", 6),  # Chinese
        ("\uff21", 2),  # a letter in full width
        ("\uff76\uff9e", 2),  # two in half width
        ("e\u0301", 1),  # a letter and its accent
        ("\u0e01\u0e31", 1),  # a Thai letter and its vowel, which has no class of combining
        ("\U0001f600", 2),
    ],
)
def test_width(text: str, columns: int) -> None:
    """Wide letters have two columns, marks upon a letter none."""
    assert width(text) == columns
    assert width(padded(text, 9)) == 9


@pytest.mark.parametrize(
    "text", ["short", "\u65e5\u672c\u8a9e", "a long name of something", "\u65e5" * 20, "e\u0301" * 20]
)
@pytest.mark.parametrize("room", [4, 5, 6, 9, 10])
def test_fitted(text: str, room: int) -> None:
    """What fits is whole; of what does not as much as fits is there, and a sign that there is more."""
    shown = fitted(text, room)
    if width(text) <= room:
        assert shown == text
        return
    assert room - 1 <= width(shown) <= room
    assert shown.endswith("...")
    assert text.startswith(shown.removesuffix("..."))


@pytest.mark.parametrize("room", range(2, 40))
def test_wrapped(room: int) -> None:
    """No line is wider, no letter is lost, and no word is parted that fits a line."""
    words = [
        "one",
        "\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e",
        "--data-dir",
        "e\u0301" * 12,
        "x" * 30,
        "1.4.0 (18),",
        "end",
    ]
    lines = wrapped(words, room)
    assert max(map(width, lines)) <= room
    assert "".join(lines).replace(" ", "") == "".join(words).replace(" ", "")
    for word in words:
        assert width(word) > room or any(word in line for line in lines)


def test_no_line_ends_too_early() -> None:
    """A word that just fits is not put on the next line."""
    assert wrapped(["one", "two"], 7) == ["one two"]
    assert wrapped(["one", "two"], 6) == ["one", "two"]
