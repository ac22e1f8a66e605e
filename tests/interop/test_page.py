"""The page of a report in Chromium: it opens without a request and without a word on the console, and it prints."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discreet.collector import page as collected
from discreet.report.summarize import Summary
from interop.peers import Recorder, missing
from report.test_document import DECLARED
from report.test_html import FOUL, busy, page
from report.test_summarize import record, summed

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--no-default-browser-check"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # the browser asks for things of its own
    *("--enable-logging=stderr", "--hide-scrollbars", "--no-pdf-header-footer"),
)
Chromium = Callable[..., Any]
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def chromium(tmp_path: Path) -> Chromium:
    """Open a URL; what was on the console, which URLs the page asked for, and how it stands then."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        missing("chromium")

    def run(url: str, *options: str) -> tuple[list[str], set[str], str]:
        log = tmp_path / "net.json"
        command = [
            str(program),
            *FLAGS,
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--log-net-log={log}",
            *options,
            url,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=True)
        console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
        return console, asked_for(log), done.stdout

    return run


def asked_for(log: Path) -> set[str]:
    """The URLs that a page asked for, in a log of Chromium's network stack: what the browser asks for has no origin."""
    found = json.loads(log.read_text())
    begun = found["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    asked = [event["params"] for event in found["events"] if event["type"] == begun and "params" in event]
    return {one["url"] for one in asked if one.get("initiator", "not an origin") != "not an origin"}


PAGES = {
    "busy": lambda: page(busy(), DECLARED, {"torn": 3}, tool="mytool"),
    "empty": lambda: page(Summary(), tool="mytool", begin="mytool telemetry on"),
    "hostile": lambda: page(
        summed([{**record(fmt=text, lang={text: 1}), "version": text, "os": text} for text in FOUL], "fmt"),
        None,
        dict.fromkeys(FOUL, 1),
        tool=FOUL[0],
    ),
}


@pytest.mark.parametrize("made", PAGES.values(), ids=PAGES)
def test_nothing_is_asked_for_and_nothing_said(chromium: Chromium, tmp_path: Path, made: Callable[[], str]) -> None:
    """From a file: the console is empty, and nothing was asked for."""
    (tmp_path / "page.html").write_text(made(), encoding="utf-8")
    url = (tmp_path / "page.html").as_uri()
    console, urls, dom = chromium(url, "--dump-dom")
    assert console == []
    assert urls == set()
    assert "<main>" in dom
    assert "<script" not in dom


def test_from_a_server(chromium: Chromium) -> None:
    """As a collector shows it: one request, for the page, and nothing on the console."""
    recorder = Recorder()
    recorder.content_type, recorder.answer = "text/html; charset=utf-8", page(busy(), DECLARED, tool="mytool").encode()
    try:
        console, _, dom = chromium(f"{recorder.url}/", "--dump-dom")
        paths = [request.path for request in recorder.received]
    finally:
        recorder.close()
    assert "<main>" in dom
    assert console == []
    assert [path for path in paths if path != "/favicon.ico"] == ["/"]


def test_the_instruments_work(chromium: Chromium, tmp_path: Path) -> None:
    """A page that asks, and one whose script is forbidden, are seen to do so."""
    recorder = Recorder()
    try:
        (tmp_path / "page.html").write_text(f'<img src="{recorder.url}/picture">')
        _, urls, _ = chromium((tmp_path / "page.html").as_uri(), "--dump-dom")
        assert f"{recorder.url}/picture" in urls
    finally:
        recorder.close()
    (tmp_path / "page.html").write_text(page(busy()).replace("<main>", "<main><script>1</script>"), encoding="utf-8")
    console, _, _ = chromium((tmp_path / "page.html").as_uri(), "--dump-dom")
    assert any("Content Security Policy" in line for line in console)


def test_it_prints(chromium: Chromium, tmp_path: Path) -> None:
    """On paper it is a few pages, and its tables are on them although nobody has opened them."""
    (tmp_path / "page.html").write_text(PAGES["busy"](), encoding="utf-8")
    chromium((tmp_path / "page.html").as_uri(), f"--print-to-pdf={tmp_path / 'page.pdf'}")
    content = (tmp_path / "page.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert 2 <= content.count(b"/Type /Page\n") <= 8


# A frame, since no window is as narrow as a phone. What lies beyond its edge, is cut off where it stands, or is in a
# table that has to be scrolled and cannot be reached with the keyboard, is told.
FRAME = """<!DOCTYPE html>
<meta name="color-scheme" content="light dark">
<iframe id="page" style="width:{width}px;height:900px;border:0" srcdoc="{page}"></iframe>
<pre id="told"></pre>
<script>
document.getElementById("page").onload = (event) => {{
  const page = event.target.contentDocument;
  const all = [...page.querySelectorAll("h1, h2, p, dt, dd, .title, td, tbody th, li")];
  const shown = all.filter((one) => one.getClientRects().length && !one.querySelector("svg"));
  const cut = shown.filter((one) => {{
    const range = page.createRange();
    range.selectNodeContents(one);
    const place = one.getBoundingClientRect(), text = range.getBoundingClientRect();
    return text.right > Math.min(place.right + 1, {width}) || text.left < 0 || place.right > {width};
  }});
  const held = [...page.querySelectorAll(".scroll:not([tabindex])")];
  const beyond = held.filter((one) => one.scrollWidth > one.clientWidth);
  const told = {{ shown: shown.length, cut: [...cut, ...beyond].map((one) => one.textContent) }};
  document.getElementById("told").textContent = JSON.stringify(told);
}};
</script>
"""


def full() -> str:
    """A page with long names, large figures and every kind of table, all of it open."""
    log = [record("command", command="import.from_code", success=n > 3, duration_ms=50 * n) for n in range(1, 1200)]
    log += [record(kind="ab"[n % 2], results={"found": n * 10_000}, lang={"py": n * 1000}) for n in range(400)]
    log += [record("rare", f"2026-11-{n % 9 + 11}", sample_rate=0.00025) for n in range(3000)]
    only = f"Asked for: {'usage_of_a_tool_' * 6}.jsonl."
    made = page(summed(log, "version"), DECLARED, {"torn": 3}, tool="mytool", only=only)
    return made.replace("<details>", "<details open>")


def measured(chromium: Chromium, folder: Path, made: str, width: int, *options: str) -> dict[str, Any]:
    """How many texts a page of this width shows, and which are cut off."""
    (folder / "frame.html").write_text(FRAME.format(width=width, page=html.escape(made)), encoding="utf-8")
    _, _, dom = chromium((folder / "frame.html").as_uri(), "--dump-dom", "--window-size=1200,1000", *options)
    told: dict[str, Any] = json.loads(html.unescape(re.findall(r'<pre id="told">(.*?)</pre>', dom)[0]))
    return told


@pytest.mark.parametrize("scheme", [0, 1])  # dark and light
@pytest.mark.parametrize("width", [320, 360, 500, 720, 1100])
def test_no_figure_is_cut_off(chromium: Chromium, tmp_path: Path, width: int, scheme: int) -> None:
    """On a phone (or at 400 % on a desk) as on a desk: every figure and every name is within the page, with no need to
    scroll sideways.
    """
    told = measured(chromium, tmp_path, full(), width, f"--blink-settings=preferredColorScheme={scheme}")
    assert told["shown"] > 80
    assert told["cut"] == []


@pytest.mark.parametrize(
    "made",
    [
        page(Summary(), tool="m" * 64, begin=f"discreet --tool {'m' * 64} --data-dir /{'directory/' * 9} on"),
        collected.index(["mytool", "m" * 64], ""),
        collected.index([], f"http://{'host.' * 20}example.org:4318"),
    ],
    ids=["empty", "tools", "no tools"],
)
def test_no_long_word_is_cut_off(chromium: Chromium, tmp_path: Path, made: str) -> None:
    """On a phone: the name of a tool or a directory, on a page without figures."""
    told = measured(chromium, tmp_path, made, 320)
    assert told["shown"] >= 2
    assert told["cut"] == []
