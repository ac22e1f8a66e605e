"""A receiver of beacons: each is a line of JSON in `telemetry.jsonl`, and nothing of who sent it is kept.

    python receiver.py [PORT]     prints its port; 0 (the default) takes a free one

For trying out, on this machine. Put it behind a server with TLS to use it in earnest, and switch that one's access log
off: it would hold each event beside an address.
"""

import http.server
import json
import sys
from urllib.parse import parse_qsl, urlsplit

LONGEST = 16 * 1024


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes beacons at `/t`: by GET, and by POST those that are too long for a URL."""

    def do_GET(self) -> None:
        """Keep the query."""
        self._keep(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        """Keep the body, where it is a JSON object."""
        length = int(self.headers.get("Content-Length") or 0)
        try:
            found = json.loads(self.rfile.read(length)) if length <= LONGEST else None
        except ValueError:
            found = None
        self._keep(found if isinstance(found, dict) else {})

    def _keep(self, facts: dict[str, object]) -> None:
        if urlsplit(self.path).path != "/t" or "e" not in facts:
            self.send_error(404 if facts else 400)
            return
        with open("telemetry.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing: it would be the sender's address."""


if __name__ == "__main__":
    with http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 0), Receiver) as server:
        print(server.server_port, flush=True)
        server.serve_forever()
