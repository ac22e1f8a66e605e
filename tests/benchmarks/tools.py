"""What a tool's author may choose from: ours, the libraries from the package index, and two recipes without any.

The versions are those of the extra `bench` in pyproject.toml; programs/peer.py holds how each is used.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .receiver import Request, json_ids, numbers, otlp_ids, posthog_ids


@dataclass(frozen=True)
class Tool:
    """A way to send: how its events are told apart on the way in, and the packages it needs."""

    decode: Callable[[Request], list[str]]
    packages: tuple[str, ...] = ()


OURS, LOG_ONLY, APPEND = "discreet", "discreet, log only", "plain append"
SENDING = {
    OURS: Tool(json_ids),
    "posthog": Tool(posthog_ids, ("posthog",)),
    "opentelemetry": Tool(otlp_ids, ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")),
    "sentry": Tool(numbers, ("sentry-sdk",)),
    "segment": Tool(numbers, ("segment-analytics-python",)),
    "scarf": Tool(numbers, ("scarf-sdk",)),
    "daemon-thread recipe": Tool(numbers),
}
KEEPING = (LOG_ONLY, APPEND)  # those that send nothing
