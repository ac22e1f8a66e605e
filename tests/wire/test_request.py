"""A request: its address, its headers, its compression, and what of it is shown and digested."""

import base64
import gzip as standard
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet import names
from discreet.destination import Destination
from discreet.sending.wire.request import COMPRESSED_BYTES, Request, address, agent, get, gzip, post
from wire.cases import RECORDS, destination

PLAIN = RECORDS[:1]
TOKEN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org", "https://example.org/"),
        ("https://example.org/t?key=1&k=%20", "https://example.org/t?key=1&k=%20"),
        ("https://example.org:8443/t", "https://example.org:8443/t"),
        ("https://example.org:443/t", "https://example.org/t"),
        ("http://[::1]:8000/t?a", "http://[::1]:8000/t?a"),
        ("https://user:secret@example.org/t?", "https://example.org/t?"),
        ("HTTPS://a%40b:c@example.org?x=@", "https://example.org/?x=@"),
    ],
)
def test_the_url_is_the_destinations_without_its_user(url: str, expected: str) -> None:
    """Path, query, port and brackets stay; user information is never in it."""
    assert address(Destination(url)) == expected
    request = post({}, PLAIN, Destination(url))
    assert request.url == expected
    assert request.target == expected.removeprefix(expected[: expected.index("/", 8)])


@pytest.mark.parametrize(
    ("user", "credentials"),
    [
        ("user:secret", b"user:secret"),
        ("user", b"user:"),
        ("user:", b"user:"),
        (":secret", b":secret"),
        ("a%40b:c%3Ad", b"a@b:c:d"),
        ("gr%C3%BCn:%25", "grün:%".encode()),
        ("100%:%zz%4", b"100%:%zz%4"),
    ],
)
def test_user_information_becomes_basic_credentials(user: str, credentials: bytes) -> None:
    """Percent-decoded, then as RFC 7617 says; what is no percent code stays as it is."""
    headers = post({}, PLAIN, Destination(f"https://{user}@example.org/t")).headers
    scheme, _, encoded = headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(encoded, validate=True)) == ("Basic", credentials)


def test_a_header_of_ones_own_beats_the_user_information() -> None:
    """Whatever the case of its name."""
    made = Destination("https://user:secret@example.org/t", headers={"authorization": "Bearer mine"})
    headers = post({}, PLAIN, made).headers
    assert {name: value for name, value in headers.items() if name.lower() == "authorization"} == {
        "authorization": "Bearer mine"
    }


def test_the_destinations_headers_go_along_but_replace_none_of_ours() -> None:
    """What the body is and who sends it is not for a header of the destination to say; all else is, each once. Such a
    header is refused when a destination is made; here one came past that.
    """
    made = destination("json", headers={"X-Team": "a", "x-team": "b"})
    made.headers |= {"content-type": "text/plain", "USER-AGENT": "mytool (linux, host)"}
    assert post({}, PLAIN, made).headers == {
        "x-team": "b",
        "Content-Type": "application/json",
        "User-Agent": "mytool/1.4.0",
    }
    assert get("https://example.org/", PLAIN, made).headers == {
        "x-team": "b",
        "content-type": "text/plain",
        "User-Agent": "mytool/1.4.0",
    }


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.4.0", "mytool/1.4.0"),
        ("", "mytool"),
        ("1!2.0rc1.post2.dev3+local-4", "mytool/1!2.0rc1.post2.dev3+local-4"),
        ("1.0~rc1", "mytool/1.0~rc1"),
        ("2.0 (grün)/x", "mytool/2.0__gr_n__x"),
    ],
)
def test_the_user_agent_is_tool_and_version(version: str, expected: str) -> None:
    """And no other detail; what a header cannot hold is an underscore."""
    assert agent({"tool": "mytool", "version": version}) == expected


def test_a_legal_version_stays_as_it_is() -> None:
    """Whatever a version may hold is a token character, so none of it is lost on the way."""
    assert set(names.VERSION_CHARACTERS) <= TOKEN
    legal = names.VERSION_CHARACTERS
    assert agent({"tool": "mytool", "version": legal}) == f"mytool/{legal}"


@given(st.text())
def test_no_version_breaks_the_user_agent(version: str) -> None:
    """Of any text only token characters are left (RFC 9110, section 10.1.5)."""
    product, _, rest = agent({"tool": "mytool", "version": version}).partition("/")
    assert product == "mytool"
    assert set(rest) <= TOKEN


def test_the_newest_record_names_the_version() -> None:
    """A batch may hold records of an older version; the last one is nearest to what is running."""
    older = {**RECORDS[0], "version": "1.3.0"}
    assert post({}, [older, RECORDS[0]], destination("json")).headers["User-Agent"] == "mytool/1.4.0"


def test_compression_begins_above_its_bound() -> None:
    """1,024 bytes of body go as they are, 1,025 go compressed, and nothing does where a format says so."""
    at, above = ("x" * (COMPRESSED_BYTES - 2), "x" * (COMPRESSED_BYTES - 1))
    plain = post(at, PLAIN, destination("json"))
    assert (len(plain.body), plain.sent) == (COMPRESSED_BYTES, plain.body)
    assert "Content-Encoding" not in plain.headers
    compressed = post(above, PLAIN, destination("json"))
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert len(compressed.sent) < 100
    assert standard.decompress(compressed.sent) == compressed.body == f'"{above}"'.encode()
    assert "Content-Encoding" not in post(above, PLAIN, destination("json"), compress=False).headers


@given(st.binary(max_size=4096))
def test_gzip_is_gzip_and_always_the_same(body: bytes) -> None:
    """Two independent readers give the body back, no time and no system is in it, and it is the same every time."""
    packed = gzip(body)
    assert standard.decompress(packed) == body
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    assert (reader.decompress(packed), reader.eof, reader.unused_data) == (body, True, b"")
    assert packed[:10] == bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255))
    assert gzip(body) == packed


def test_the_content_is_the_body_or_the_target_of_a_get() -> None:
    """What preview prints and receipts digest."""
    assert Request("POST", "https://example.org/t?a=1", {}, b"{}").content == b"{}"
    assert Request("GET", "https://example.org/t?a=1", {}).content == b"/t?a=1"
    assert Request("GET", "https://example.org/", {}).content == b"/"


@pytest.mark.parametrize(
    ("url", "query", "shown"),
    [
        ("https://t.example/t?t", "t", "https://t.example/t?..."),
        ("https://example.org/t?key=1&n=2", "key=1", "https://example.org/t?...&n=2"),
        ("https://example.org/t?n=2", "", "https://example.org/t?n=2"),
    ],
)
def test_what_is_shown_of_an_address(url: str, query: str, shown: str) -> None:
    """All of it but the query that was given with it."""
    request = Request("GET", url, {}, query=query)
    assert (request.url, request.shown, request.content) == (url, shown, shown[shown.index("/", 8) :].encode())


@pytest.mark.parametrize("content", [float("nan"), float("inf"), {1, 2}, b"x"])
def test_what_json_cannot_hold_raises(content: object) -> None:
    """Nothing invalid is ever written; records are checked before, so this is a mistake of the caller's."""
    with pytest.raises((TypeError, ValueError)):
        post([content], PLAIN, destination("json"))
