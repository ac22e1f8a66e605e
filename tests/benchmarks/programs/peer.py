"""A small command that sends one event the way the named library's own manual shows, or another look at the same.

Arguments: what to do, whose way, a server's origin, a number, a data directory of a user who agreed, `on` or `off`.

    command    work for 30 ms, send one event that carries the number, end as the library pleases: no flush of ours
    import     print the milliseconds of its imports alone
    call       print the median and the 99th percentile of so many calls, in microseconds
    off-call   print the nanoseconds of one of so many calls of a process that is off, less those of an empty function
    memory     send one event, print the resident KiB
"""

import os
import sys
import time

WORK_SECONDS = 0.03
SWITCH = "DO_NOT_TRACK"


def bare():
    """Nothing: the other half of each pair."""
    return lambda number: None


def ours():
    """With a destination, delivery due at once; without one, the log alone."""
    import discreet

    destination = discreet.Destination(f"{origin}/t", batch_size=1, batch_interval=0) if origin else None
    discreet.init("bench", version="1.0", data_dir=data_dir, destination=destination)
    return lambda number: discreet.track("search", {"n": number, "ms": 40})


def posthog():
    """The official client; its exit handler sends."""
    from posthog import Posthog

    client = Posthog("phc_bench", host=origin, disabled=off)
    return lambda number: client.capture("search", distinct_id="run", properties={"n": number, "ms": 40})


def opentelemetry():
    """The SDK with the batch processor and the OTLP exporter over HTTP; its exit handler sends."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if off:
        os.environ["OTEL_SDK_DISABLED"] = "true"  # the SDK looks when a provider is made
    provider = TracerProvider(resource=Resource.create({"service.name": "bench"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{origin}/v1/traces")))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("bench")

    def send(number):
        with tracer.start_as_current_span("search", attributes={"n": number, "ms": 40}):
            pass

    return send


def sentry():
    """A message with tags; off is the manual's way, no DSN. Its exit handler sends."""
    import sentry_sdk

    sentry_sdk.init(dsn=None if off else origin.replace("://", "://key@") + "/1")

    def send(number):
        with sentry_sdk.new_scope() as scope:
            scope.set_tag("n", number)
            sentry_sdk.capture_message("search")

    return send


def segment():
    """The official client; its exit handler sends."""
    from segment import analytics

    analytics.write_key, analytics.host, analytics.send = "key", origin, not off
    return lambda number: analytics.track("run", "search", {"n": number, "ms": 40})


def scarf():
    """The official client, which sends in the caller's thread."""
    from scarf import ScarfEventLogger

    logger = ScarfEventLogger(endpoint_url=f"{origin}/t")
    return lambda number: logger.log_event({"n": number, "ms": 40})


def recipe():
    """The thirty lines that many a tool has copied: the fourth seed document's, word for word but for its constants."""
    import platform
    import threading
    from urllib.parse import urlencode
    from urllib.request import Request, urlopen

    endpoint, version, tool_id = f"{origin}/t", "1.0.0", "bench"
    ci_vars = ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "TRAVIS", "BUILDKITE", "JENKINS_URL"]

    def is_disabled() -> bool:
        if os.environ.get("BENCH_NO_TELEMETRY"):
            return True
        if os.environ.get("DO_NOT_TRACK"):
            return True
        return any(os.environ.get(v) for v in ci_vars)

    def _send(url: str) -> None:
        try:
            req = Request(url, headers={"User-Agent": f"bench/{version}"})
            urlopen(req, timeout=2)
        except Exception:  # noqa: BLE001  # the recipe's own
            pass

    def track(event: str, data: dict | None = None) -> None:
        if is_disabled():
            return

        try:
            payload = {
                "t": tool_id,
                "e": event,
                "v": version,
                "py": platform.python_version(),
                "os": sys.platform,
                **(data or {}),
            }
            url = f"{endpoint}?{urlencode(payload)}"
            threading.Thread(target=_send, args=(url,), daemon=True).start()
        except Exception:  # noqa: BLE001  # the recipe's own
            pass

    return lambda number: track("search", {"n": number, "ms": 40})


def append():
    """The least that keeps an event: a line of JSON, one open and one close."""
    import json

    file = os.path.join(data_dir, "plain.jsonl")

    def send(number):
        if off:
            return
        with open(file, "a", encoding="utf-8") as log:
            log.write(json.dumps({"event": "search", "time": time.time(), "n": number, "ms": 40}) + "\n")

    return send


WAYS = {
    "bare": bare,
    "discreet": ours,
    "discreet, log only": ours,
    "posthog": posthog,
    "opentelemetry": opentelemetry,
    "sentry": sentry,
    "segment": segment,
    "scarf": scarf,
    "daemon-thread recipe": recipe,
    "plain append": append,
}


def called(send, count):
    """Median and 99th percentile of so many calls after the first, in microseconds."""
    spent = []
    send(0)
    for n in range(count):
        start = time.perf_counter_ns()
        send(n)
        spent.append((time.perf_counter_ns() - start) / 1e3)
    spent.sort()
    print(spent[count // 2], spent[int(count * 0.99)], flush=True)
    os._exit(0)  # what the exit does is measured elsewhere


def looped(send, count):
    """Nanoseconds of one call in a loop, less those of an empty function."""

    def empty(number):
        pass

    spent = {}
    for function in (empty, send, empty, send):  # the first time each is warmed
        start = time.perf_counter_ns()
        for n in range(count):
            function(n)
        spent[function] = (time.perf_counter_ns() - start) / count
    print(spent[send] - spent[empty], flush=True)
    os._exit(0)


def resident():
    """Resident KiB of this process."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(line.split()[1] for line in status if line.startswith("VmRSS"))


what, way, origin, number, data_dir, switch = sys.argv[1:]
number, off = int(number), switch == "off"
if off:
    os.environ[SWITCH] = "1"
begun = time.perf_counter()
send = WAYS[way]()
if what == "import":
    print((time.perf_counter() - begun) * 1e3)
elif what == "call":
    called(send, number)
elif what == "off-call":
    looped(send, number)
else:
    if what == "command":
        time.sleep(WORK_SECONDS)
    send(number)
    if what == "memory":
        print(resident(), flush=True)
        os._exit(0)
