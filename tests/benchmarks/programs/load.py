"""Send to a collector as fast as it answers; print the seconds, how many were sent, and how many requests were refused.

Arguments: the port, the format, how many requests, how many records each, how many connections at a time. One record a
request opens a connection for each, as the client does; more are sent on connections that stay. Every tenth request is
sent twice. All requests are made before the clock starts.
"""

import socket
import sys
import threading
import time
import uuid
from itertools import count

from discreet.destination import Destination
from discreet.sending import wire

PATHS = {"beacon": "/t", "json": "/t", "otlp": "/v1/traces", "posthog": "/batch/"}


def record():
    """A record of a command, with an id of its own."""
    return {
        "v": 1,
        "id": str(uuid.uuid4()),
        "time": "2026-11-20T10:30:00Z",
        "run": "00112233445566aa",
        "event": "command",
        "tool": "bench",
        "version": "1.4.0",
        "py": "3.11.7",
        "os": "linux",
        "properties": {"command": "import.from_code", "duration_ms": 4280, "success": True, "files": 143},
    }


def written(request):
    """The bytes of a request."""
    headers = {"Host": "127.0.0.1", **request.headers}
    if request.method == "POST":
        headers["Content-Length"] = str(len(request.sent))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{request.method} {request.target} HTTP/1.1\r\n{head}\r\n".encode() + request.sent


def work(requests, numbers, refused):
    """Send what is left, one after the other."""
    connection = None
    for number in iter(lambda: next(numbers), None):
        if number >= len(requests):
            break
        connection = connection or socket.create_connection(("127.0.0.1", port))
        connection.sendall(requests[number])
        if connection.recv(4096)[9:10] != b"2":
            refused.append(number)
        if records == 1:
            connection.close()
            connection = None
    if connection:
        connection.close()


port, form = int(sys.argv[1]), sys.argv[2]
number, records, connections = map(int, sys.argv[3:6])
where = Destination(f"http://127.0.0.1:{port}{PATHS[form]}", format=form, api_key="key")
requests = [written(wire.encode([record() for _ in range(records)], where)) for _ in range(number)]
requests += requests[::10]
refused = []
numbers = count()
threads = [threading.Thread(target=work, args=(requests, numbers, refused)) for _ in range(connections)]
start = time.perf_counter()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(time.perf_counter() - start, len(requests), len(refused))
