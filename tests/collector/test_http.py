"""Requests from bytes: whole, byte by byte and with more behind; what is refused, and how; and answers as bytes."""

import pytest

from discreet.collector.http import BODY_BYTES, HEAD_BYTES, Answer, Reader, Refusal, Request

PLAIN = b"POST /t?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Odd:  a b\t\r\n\r\nhello"
CHUNKED = b"POST /t HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nhel\r\n02\r\nlo\r\n0\r\n\r\n"
EMPTY = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def requests(*pieces: bytes) -> list[Request]:
    """All requests of a connection on which these pieces arrive."""
    reader, found, pending = Reader(), [], None
    for piece in pieces:
        reader.feed(piece)
        while True:
            pending = pending or reader.head()
            if pending is None or not reader.body(pending):
                break
            found.append(pending)
            pending = None
    return found


@pytest.mark.parametrize(
    "pieces", [(PLAIN,), tuple(PLAIN[i : i + 1] for i in range(len(PLAIN)))], ids=["whole", "bytes"]
)
def test_a_request(pieces: tuple[bytes, ...]) -> None:
    """However it arrives it is the same request; spaces around a value are not of it."""
    (request,) = requests(*pieces)
    assert (request.method, request.path, request.query, request.body) == ("POST", "/t", "a=1", b"hello")
    assert request.headers == {"host": "x", "content-length": "5", "x-odd": "a b"}
    assert request.keep


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_several_requests_after_one_another(step: int) -> None:
    """Each ends where its length or its last chunk says, and the next begins there."""
    sent = CHUNKED + PLAIN + EMPTY + CHUNKED
    found = requests(*(sent[at : at + step] for at in range(0, len(sent), step)))
    assert [request.body for request in found] == [b"hello", b"hello", b"", b"hello"]


@pytest.mark.parametrize(
    ("version", "header", "keep"),
    [
        ("1", "X: y", True),
        ("1", "Connection: Close", False),
        ("1", "Connection: x, close", False),
        ("0", "X: y", False),
    ],
)
def test_which_connections_are_kept(version: str, header: str, keep: bool) -> None:
    """Those of HTTP/1.1, unless the client says otherwise."""
    (request,) = requests(f"GET / HTTP/1.{version}\r\n{header}\r\n\r\n".encode())
    assert request.keep is keep


def headed(*lines: str, first: str = "POST /t HTTP/1.1", body: str = "") -> bytes:
    """A request of these header lines."""
    return "\r\n".join((first, *lines, "", body)).encode("latin-1")


CHUNKS = ("Transfer-Encoding: chunked",)
REFUSED = {
    "length and chunks": (400, headed("Content-Length: 5", *CHUNKS, body="0\r\n\r\n")),
    "chunks and length": (400, headed(*CHUNKS, "Content-Length: 5", body="0\r\n\r\n")),
    "two lengths": (400, headed("Content-Length: 5", "Content-Length: 6", body="hello")),
    "the same length twice": (400, headed("Content-Length: 5", "content-length: 5", body="hello")),
    "a list of lengths": (400, headed("Content-Length: 5, 5", body="hello")),
    "a signed length": (400, headed("Content-Length: +5", body="hello")),
    "a negative length": (400, headed("Content-Length: -1")),
    "digits of another script": (400, headed("Content-Length: \xb2")),
    "no length": (400, headed("Content-Length:")),
    "a huge length": (400, headed("Content-Length: 9" + "9" * 30)),
    "two codings": (400, headed(*CHUNKS, *CHUNKS)),
    "another coding": (501, headed("Transfer-Encoding: gzip, chunked")),
    "a disguised coding": (501, headed("Transfer-Encoding: xchunked")),
    "a space before the colon": (400, headed("Transfer-Encoding : chunked")),
    "a folded header": (400, headed("X: a", " Transfer-Encoding: chunked")),
    "a nameless header": (400, headed(": x")),
    "no colon": (400, headed("chunked")),
    "a carriage return in a value": (400, headed("X: a\rTransfer-Encoding: chunked")),
    "a NUL": (400, headed("X: a\0")),
    "bare newlines": (400, b"POST /t HTTP/1.1\nHost: x\n\n"),
    "a bare newline in a head": (400, b"POST /t HTTP/1.1\r\nX: a\nContent-Length: 5\r\n\r\n"),
    "a newline first": (400, b"\r\n" + EMPTY),
    "a proxy's target": (400, headed(first="GET http://example.org/ HTTP/1.1")),
    "a tunnel": (400, headed(first="CONNECT example.org:443 HTTP/1.1")),
    "an asterisk": (400, headed(first="OPTIONS * HTTP/1.1")),
    "a fragment": (400, headed(first="GET /t#x HTTP/1.1")),
    "a space in the target": (400, headed(first="GET /t x HTTP/1.1")),
    "a target beyond ASCII": (400, headed(first="GET /\xfc HTTP/1.1")),
    "a control character in the target": (400, headed(first="GET /\x01 HTTP/1.1")),
    "two spaces": (400, headed(first="GET  / HTTP/1.1")),
    "HTTP/0.9": (400, headed(first="GET /")),
    "HTTP/2": (505, headed(first="GET / HTTP/2.0")),
    "chunks in HTTP/1.0": (400, headed(*CHUNKS, first="POST /t HTTP/1.0")),
    "a small method": (400, headed(first="get / HTTP/1.1")),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"),
    "an endless first line": (414, b"GET /" + b"x" * HEAD_BYTES + b"x"),
    "an endless head": (431, headed("X: " + "x" * HEAD_BYTES)),
    "many headers": (431, headed(*(f"X{number}: 1" for number in range(101)))),
    "a large body": (413, headed(f"Content-Length: {BODY_BYTES + 1}")),
    "a large chunk": (413, headed(*CHUNKS, body=f"{BODY_BYTES + 1:x}\r\n")),
    "large chunks": (413, headed(*CHUNKS, body=f"1\r\nx\r\n{BODY_BYTES:x}\r\n")),
    "tiny chunks": (413, headed(*CHUNKS, body="1\r\nx\r\n" * 17_000)),
    "a chunk without a size": (400, headed(*CHUNKS, body=";\r\n")),
    "a negative chunk": (400, headed(*CHUNKS, body="-1\r\n")),
    "a chunk of a prefix": (400, headed(*CHUNKS, body="0x5\r\nhello\r\n0\r\n\r\n")),
    "a chunk of many digits": (400, headed(*CHUNKS, body="00000000005\r\nhello\r\n")),
    "a chunk that is too long": (400, headed(*CHUNKS, body="3\r\nhello\r\n")),
    "a chunk with a bare newline": (400, headed(*CHUNKS, body="5\nhello\n")),
    "an endless extension": (400, headed(*CHUNKS, body="5;" + "x" * 300)),
    "trailers": (400, headed(*CHUNKS, body="0\r\nX: y\r\n\r\n")),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("step", [3, 100_000])
def test_what_is_refused(name: str, step: int) -> None:
    """With its status, in whatever pieces it arrives."""
    status, sent = REFUSED[name]
    with pytest.raises(Refusal) as refused:
        requests(*(sent[at : at + step] for at in range(0, len(sent), step)))
    assert refused.value.status == status


def test_what_is_just_allowed() -> None:
    """The bounds themselves are not refused."""
    body = b"x" * BODY_BYTES
    (plain,) = requests(f"POST /t HTTP/1.1\r\nContent-Length: {BODY_BYTES}\r\n\r\n".encode() + body)
    (chunked,) = requests(headed(*CHUNKS) + f"{BODY_BYTES:x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
    assert plain.body == chunked.body == body
    (full,) = requests(headed(*(f"X{number}: 1" for number in range(100)), first="GET / HTTP/1.1"))
    assert len(full.headers) == 100


@pytest.mark.parametrize(
    ("answer", "keep", "lines"),
    [
        (Answer(200, b"{}"), True, "200 OK|Date: now|Content-Type: application/json|Content-Length: 2||{}"),
        (
            Answer(405, headers={"Allow": "GET"}),
            True,
            "405 Method Not Allowed|Date: now|Allow: GET|Content-Length: 0||",
        ),
        (Answer(204), True, "204 No Content|Date: now||"),
        (Answer(204), False, "204 No Content|Date: now|Connection: close||"),
    ],
)
def test_an_answer(answer: Answer, keep: bool, lines: str) -> None:
    """It says where it ends, or the client of a kept connection would wait for more; one without a body may not."""
    assert answer.written("now", keep=keep) == f"HTTP/1.1 {lines}".replace("|", "\r\n").encode()
