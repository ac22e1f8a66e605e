"""A command of 30 ms with one event at its end, sent by the thirty-line recipe that many a tool has copied.

The recipe is that of the fourth seed document, word for word but for its blank constants and its comments. Arguments as
those of arriving.py.
"""

import os
import platform
import sys
import threading
import time
from urllib.parse import urlencode
from urllib.request import Request, urlopen

_, origin, number, _ = sys.argv[1:]

ENDPOINT = f"{origin}/t"
VERSION = "1.0.0"
TOOL_ID = "bench"

CI_VARS = ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "TRAVIS", "BUILDKITE", "JENKINS_URL"]


def is_disabled() -> bool:
    """Check if telemetry is disabled via env vars or CI."""
    if os.environ.get("BENCH_NO_TELEMETRY"):
        return True
    if os.environ.get("DO_NOT_TRACK"):
        return True
    return any(os.environ.get(v) for v in CI_VARS)


def _send(url: str) -> None:
    """Send telemetry (internal, runs in background)."""
    try:
        req = Request(url, headers={"User-Agent": f"bench/{VERSION}"})
        urlopen(req, timeout=2)
    except Exception:  # noqa: BLE001  # the recipe's own
        pass


def track(event: str, data: dict | None = None) -> None:
    """Fire-and-forget telemetry. Never blocks, never fails."""
    if is_disabled():
        return

    try:
        payload = {
            "t": TOOL_ID,
            "e": event,
            "v": VERSION,
            "py": platform.python_version(),
            "os": sys.platform,
            **(data or {}),
        }
        url = f"{ENDPOINT}?{urlencode(payload)}"
        threading.Thread(target=_send, args=(url,), daemon=True).start()
    except Exception:  # noqa: BLE001  # the recipe's own
        pass


time.sleep(0.03)
track("search", {"n": int(number), "ms": 40})
