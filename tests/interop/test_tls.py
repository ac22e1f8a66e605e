"""nginx as the receiver: whose certificate is believed, and what follows from the answers of a real server."""

import datetime as dt
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interop.authority import Authority
from interop.nginx import Nginx
from interop.peers import Recorder
from interop.tool import Tool, check_arrived_once, ids

DAY = 86_400
YESTERDAY = dt.datetime.now(tz=dt.UTC) - dt.timedelta(days=1)

Make = Callable[..., Tool]


@pytest.fixture
def make(tmp_path: Path, nginx: Nginx, authority: Authority) -> Make:
    """Make a tool that sends to nginx and believes our authority."""

    def made(**options: Any) -> Tool:
        tool = Tool(tmp_path, nginx.url, **options)
        tool.environment["SSL_CERT_FILE"] = str(authority.bundle)
        return tool

    return made


def passing(recorder: Recorder) -> str:
    """The directives that pass a request on to the recorder."""
    return f"proxy_pass {recorder.url};"


def check_kept(tool: Tool, nginx: Nginx, recorder: Recorder) -> None:
    """What was refused so far was kept: once the server is mended, all of it arrives, with what came later."""
    assert recorder.received == []
    assert tool.receipts() == []
    tool.work(2)
    nginx.start(passing(recorder))
    assert tool.flush() == ["5 records, 200: delivered"]
    check_arrived_once(tool, recorder)


# Whose certificate


@pytest.mark.parametrize("protocol", ["TLSv1.2", "TLSv1.3"])
def test_its_own_authority_is_believed(protocol: str, nginx: Nginx, recorder: Recorder, make: Make) -> None:
    """With the authority named, a server that would rather speak HTTP/2 gets the records over HTTP/1.1."""
    nginx.start(passing(recorder), server=f"ssl_protocols {protocol};")
    tool = make()
    tool.work()
    assert tool.flush() == ["3 records, 200: delivered"]
    check_arrived_once(tool, recorder)
    assert nginx.seen() == ["POST /t 200"]


@pytest.mark.parametrize("wrong", ["unknown authority", "another name", "another address", "expired", "old protocol"])
def test_nobody_else_is_believed(
    *, wrong: str, nginx: Nginx, recorder: Recorder, make: Make, authority: Authority, tmp_path: Path
) -> None:
    """A server that cannot show who it is gets no request; the records wait, and arrive once it can."""
    (tmp_path / "other").mkdir()
    certificate = {
        "unknown authority": lambda: Authority(tmp_path / "other").certificate(),
        "another name": lambda: authority.certificate("telemetry.example.org"),
        "another address": lambda: authority.certificate("127.0.0.2"),
        "expired": lambda: authority.certificate(not_before=YESTERDAY - dt.timedelta(days=9), not_after=YESTERDAY),
        "old protocol": authority.certificate,
    }[wrong]()
    old = "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;" if wrong == "old protocol" else ""
    nginx.start(passing(recorder), server=old, certificate=certificate)
    tool = make()
    tool.work()
    assert tool.flush() == ["3 records, failed (tls): retry"]
    assert nginx.seen() == []
    assert (tool.place()["failures"], tool.place()["held"]) == (1, False)
    check_kept(tool, nginx, recorder)


def test_a_portal_in_the_way_gets_nothing(nginx: Nginx, recorder: Recorder, make: Make, tmp_path: Path) -> None:
    """A portal that answers every https request with its own page shows its own certificate, and is not believed."""
    (tmp_path / "portal").mkdir()
    page = 'default_type text/html; return 200 "<html>Welcome! Please log in.</html>";'
    nginx.start(page, certificate=Authority(tmp_path / "portal").certificate())
    tool = make()
    tool.work()
    assert tool.flush() == ["3 records, failed (tls): retry"]
    check_kept(tool, nginx, recorder)


def test_a_page_in_html_is_an_answer_like_any_other(nginx: Nginx, make: Make) -> None:
    """From the receiver itself 200 is success, whatever stands in the body."""
    nginx.start('default_type text/html; return 200 "<html>Welcome!</html>";')
    tool = make()
    tool.work()
    assert tool.flush() == ["3 records, 200: delivered"]
    assert [receipt["records"] for receipt in tool.receipts()] == [3]


# What follows from an answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        *[(f"return {status} /elsewhere;", f"{status}: hold") for status in (301, 302, 307, 308)],
        ("return 301 http://127.0.0.1:1/;", "301: hold"),
        ("return 403;", "403: hold"),
        ("return 404;", "404: hold"),
        ("return 405;", "405: hold"),
        ("limit_except GET { deny all; }", "403: hold"),
        ("add_header Retry-After 7200 always; return 429;", "429: retry"),
        ("return 503;", "503: retry"),
        ("proxy_pass http://127.0.0.1:1;", "502: retry"),
        ("return 444;", "failed (closed): retry"),
    ],
)
def test_what_is_refused_is_kept(answer: str, said: str, nginx: Nginx, recorder: Recorder, make: Make) -> None:
    """No redirect is followed, and what was not taken waits: as long as asked for, or for the destination a day."""
    nginx.start(answer, server=f"location /elsewhere {{ {passing(recorder)} }}")
    tool = make(batch_interval=600)
    tool.work()
    began = time.time()
    assert tool.flush() == [f"3 records, {said}"]
    assert len(nginx.seen()) == 1
    place = tool.place()
    shortest, longest = (7200, 7200) if said.startswith("429") else (300, 600) if said.endswith("retry") else (DAY, DAY)
    assert began + shortest <= place["wake"] <= time.time() + longest
    assert place["held"] == said.endswith("hold")
    assert place["failures"] == (0 if place["held"] else 1)
    check_kept(tool, nginx, recorder)


def test_a_longer_wait_asked_for_is_kept_to(nginx: Nginx, make: Make) -> None:
    """After 429 the next run does not even knock, however much waits, until Retry-After is over."""
    nginx.start("add_header Retry-After 7200 always; return 429;")
    tool = make(batch_size=1, batch_interval=0)
    for _ in range(2):
        tool.work()
        tool.hosts.wait_for_the_end()
    assert nginx.seen() == ["POST /t 429"]
    assert 7100 < tool.place()["wake"] - time.time() <= 7200


def test_too_much_is_halved(nginx: Nginx, recorder: Recorder, make: Make) -> None:
    """413, which comes before the body was read, makes requests smaller until they fit; all arrive, once, in order."""
    nginx.start(passing(recorder), server="client_max_body_size 20k;")
    tool = make(columns=20)
    tool.work(300)
    said = tool.flush()
    assert said[:2] == ["300 records, 413: halve", "150 records, 413: halve"]
    assert said[-1].endswith("200: delivered")
    assert len(recorder.received) > 3
    check_arrived_once(tool, recorder)


def test_one_record_too_large_holds_up_no_others(nginx: Nginx, recorder: Recorder, make: Make) -> None:
    """A single record that is too large for the receiver is skipped, with a receipt; the others arrive."""
    nginx.start(passing(recorder), server="client_max_body_size 300;")
    tool = make()
    tool.work(2)
    tool.environment["MYTOOL_COLUMNS"] = "31"
    tool.work(1)
    del tool.environment["MYTOOL_COLUMNS"]
    tool.work(2)
    tool.flush()
    assert [one["verdict"] for one in tool.receipts()].count("skip") == 1
    sent = ids(recorder.records())
    assert sent == [one for one in ids(tool.records()) if one != ids(tool.records())[2]]


def test_a_url_too_long_is_kept(nginx: Nginx, recorder: Recorder, make: Make) -> None:
    """A beacon that nginx finds too long (414) holds the destination; nothing is lost."""
    nginx.start(passing(recorder), server="client_header_buffer_size 512; large_client_header_buffers 2 512;")
    tool = make(format="beacon", columns=20)
    tool.work(2)
    assert tool.flush() == ["1 record, 414: hold"]
    assert (tool.place()["held"], recorder.received, tool.receipts()) == (True, [], [])
    nginx.start(passing(recorder))
    assert tool.flush() == ["1 record, 200: delivered"] * 2
    targets = [request.path for request in recorder.received]
    assert [one in target for one, target in zip(ids(tool.records()), targets, strict=True)] == [True, True]
    assert [one["sha256"] for one in tool.receipts()] == [hashlib.sha256(one.encode()).hexdigest() for one in targets]


def test_a_slow_answer_is_an_answer(nginx: Nginx, recorder: Recorder, make: Make) -> None:
    """An answer of 4 KB at 200 bytes a second: its status counts, and nobody waits for the rest of it."""
    recorder.answer = b"x" * 4000
    nginx.start(f"{passing(recorder)} limit_rate 200;")
    tool = make()
    tool.work()
    assert tool.flush() == ["3 records, 200: delivered"]
    check_arrived_once(tool, recorder)


def test_an_answer_that_comes_too_late(nginx: Nginx, recorder: Recorder, make: Make) -> None:
    """A receiver that took the records but did not say so in time gets them again, to the byte."""
    nginx.start(f"{passing(recorder)} limit_rate 1;")
    tool = make(timeout=1.0)
    tool.work()
    assert tool.flush() == ["3 records, failed (timeout): retry"]
    nginx.start(passing(recorder))
    assert tool.flush() == ["3 records, 200: delivered"]
    first, second = recorder.received
    assert first.body == second.body
    assert ids(recorder.records()) == ids(tool.records()) * 2
