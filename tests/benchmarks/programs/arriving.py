"""A command of 30 ms with one event at its end, sent the way the named library's own manual shows.

Arguments: `bare` (no telemetry), `discreet`, `posthog` or `opentelemetry`, a server's origin, the number that the event
carries, a data directory of a user who agreed. Every library ends as it pleases: no flush, no shutdown of ours.
"""

import sys
import time

WORK_SECONDS = 0.03


def bare():
    """The work alone."""
    time.sleep(WORK_SECONDS)


def ours():
    """Delivery due at once."""
    import discreet

    destination = discreet.Destination(f"{origin}/t", batch_size=1, batch_interval=0)
    discreet.init("bench", version="1.0", data_dir=data_dir, destination=destination)
    time.sleep(WORK_SECONDS)
    discreet.track("search", {"n": number, "ms": 40})


def posthog():
    """The official client; its exit handler sends."""
    from posthog import Posthog

    client = Posthog("phc_bench", host=origin)
    time.sleep(WORK_SECONDS)
    client.capture("search", distinct_id="run", properties={"n": number, "ms": 40})


def opentelemetry():
    """The SDK with the batch processor and the OTLP exporter over HTTP; its exit handler sends."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "bench"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{origin}/v1/traces")))
    trace.set_tracer_provider(provider)
    time.sleep(WORK_SECONDS)
    with trace.get_tracer("bench").start_as_current_span("search", attributes={"n": number, "ms": 40}):
        pass


how, origin, number, data_dir = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
{"bare": bare, "discreet": ours, "posthog": posthog, "opentelemetry": opentelemetry}[how]()
