"""Write so many small records to a file the way a peer would; print the seconds until the last is on the file.

Arguments: `plain` (open, append, close: no library), `logging` (a QueueHandler and its listener's thread), `structlog`
(JSON lines) or `loguru` (JSON lines, enqueued), how many, a file. Fails if the file does not hold every record.
"""

import json
import logging
import logging.handlers
import queue
import sys
import time


def plain(count, path):
    """The recipe of many a tool: one JSON line, one open and one close an event."""
    for n in range(count):
        record = {"event": "search", "time": time.time(), "properties": {"n": n, "ms": 40, "ok": True}}
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def queued(count, path):
    """The standard library's way off the caller's thread."""
    records = queue.SimpleQueue()
    handler = logging.FileHandler(path)
    listener = logging.handlers.QueueListener(records, handler)
    listener.start()
    logger = logging.getLogger("bench")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(logging.handlers.QueueHandler(records))
    for n in range(count):
        logger.info("search n=%d ms=%d ok=%s", n, 40, True)
    listener.stop()
    handler.close()


def structured(count, path):
    """The usual configuration for JSON lines."""
    with open(path, "w", encoding="utf-8") as file:
        structlog.configure(
            processors=[structlog.processors.TimeStamper(fmt="iso"), structlog.processors.JSONRenderer()],
            logger_factory=structlog.WriteLoggerFactory(file),
            cache_logger_on_first_use=True,
        )
        logger = structlog.get_logger()
        for n in range(count):
            logger.info("search", n=n, ms=40, ok=True)


def enqueued(count, path):
    """JSON lines by way of its own queue and thread, as its manual has it for what must not wait."""
    logger.remove()
    logger.add(path, serialize=True, enqueue=True)
    for n in range(count):
        logger.info("search", n=n, ms=40, ok=True)
    logger.complete()


how, count, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if how == "structlog":
    import structlog  # before the clock starts, as the others
elif how == "loguru":
    from loguru import logger
start = time.perf_counter()
{"plain": plain, "logging": queued, "structlog": structured, "loguru": enqueued}[how](count, path)
end = time.perf_counter()
with open(path, "rb") as written:
    lines = sum(1 for _ in written)
if lines != count:
    sys.exit(f"{lines} of {count} records on the file")
print(end - start)
