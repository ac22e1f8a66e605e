"""Headers in one variable: both forms, several of them, and no way to smuggle in another line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.destination import Destination
from discreet.sending.headers import parsed

SECRET = "s3cret-7f"


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("", {}),
        (" \n , ,\n", {}),
        ("Authorization: Bearer xxxx", {"Authorization": "Bearer xxxx"}),
        ("Authorization:Bearer xxxx", {"Authorization": "Bearer xxxx"}),
        ("authorization=Bearer%20xxxx", {"authorization": "Bearer xxxx"}),
        ("k=v,k2=v2", {"k": "v", "k2": "v2"}),
        (" k = v , k2 = v2 ", {"k": "v", "k2": "v2"}),
        ("k=v\nk2: v2\nk3=v3", {"k": "v", "k2": "v2", "k3": "v3"}),
        ("A: 1, B: 2", {"A": "1", "B": "2"}),
        ("A: 1,b=2%2C3", {"A": "1", "b": "2,3"}),
        ("Authorization: Basic dXNlcjpzZWNyZXQ=", {"Authorization": "Basic dXNlcjpzZWNyZXQ="}),
        ("authorization=Basic dXNlcjpzZWNyZXQ==", {"authorization": "Basic dXNlcjpzZWNyZXQ=="}),
        ("x-api-key=a:b=c", {"x-api-key": "a:b=c"}),
        ("A: 100%41", {"A": "100%41"}),
        ("a=100%41", {"a": "100A"}),
        ("a=50%  off%", {"a": "50%  off%"}),
        ("a=%zz%4", {"a": "%zz%4"}),
        ("a=%+4x", {"a": "%+4x"}),
        ("a%2Db=c", {"a-b": "c"}),
        ("Accept: text/html, text/plain", {"Accept": "text/html,text/plain"}),
        ("k=v,,k2=v2, ,", {"k": "v", "k2": "v2"}),
        ("A: 1, 2,\nb=", {"A": "1,2", "b": ""}),
        ("a=,", {"a": ""}),
        ("a=1%2C,", {"a": "1,"}),
        ("A:", {"A": ""}),
        ("a=", {"a": ""}),
    ],
)
def test_what_a_variable_says(text: str, headers: dict[str, str]) -> None:
    """`Name: value` is taken as it is, `name=value` is percent-decoded; commas and newlines separate."""
    got = {name: value.replace(", ", ",") for name, value in parsed(text).items()}
    assert got == headers


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f": {SECRET}",
        f"={SECRET}",
        f"a b: {SECRET}",
        f"a: {SECRET}\rX: y",
        f"a: {SECRET}\r\nX: y",
        f"a={SECRET}%0d%0aX: y",
        f"a={SECRET}%0A",
        f"a%0A={SECRET}",
        f"a={SECRET}%00",
        f"a={SECRET}%C3%A4",
        f"a: {SECRET}ä",
        f"a: {SECRET}\x00",
        f"a: {SECRET}\t",
        f"good: x\n{SECRET}",
        f"ä: {SECRET}",
        f"a: {SECRET}\udcff",
    ],
)
def test_what_is_refused(text: str) -> None:
    """A line break in any spelling, control characters, foreign letters and what is no header are refused as a whole.

    The message holds nothing of the text.
    """
    if text.endswith("\t"):  # stripped, as around any header's value
        assert parsed(text) == {"a": SECRET}
        return
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the text is looked at below
        parsed(text)
    assert SECRET not in str(caught.value)


@given(st.text(st.characters(max_codepoint=0x180), max_size=40) | st.text("a:=,%\r\n \t0Ad\x00", max_size=20))
def test_any_text_is_refused_or_makes_headers(text: str) -> None:
    """Whatever the text is, it raises `ValueError`, or makes headers that a destination and HTTP can hold."""
    try:
        found = parsed(text)
    except ValueError:
        return
    for name, value in found.items():
        assert name
        assert value.isascii()
        assert value.isprintable()
    Destination("https://example.org", headers={f"x-{name}": value for name, value in found.items()})


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True), st.text("ab c:=,%/+~", max_size=8), max_size=4
    )
)
def test_the_opentelemetry_form_holds_any_value(headers: dict[str, str]) -> None:
    """Whatever OTEL_EXPORTER_OTLP_HEADERS can say by percent-encoding comes out as it was."""
    text = ",".join(
        f"{name}=" + "".join(each if each.isalnum() else f"%{ord(each):02X}" for each in value)
        for name, value in headers.items()
    )
    assert parsed(text) == headers
