"""flags: what is asked of PostHog about feature flags, and how its answers are read.

    POST https://us.i.posthog.com/flags/?v=2                  beside the address that takes the events
    {"api_key":"phc_...",
     "distinct_id":"<32 hex digits>",                         drawn for this request alone, or the installation's
     "geoip_disable":true}                                    no place is looked up

| shape of the answer | the value of a flag                   | its payload, a JSON text         |
|---------------------|---------------------------------------|----------------------------------|
| v2                  | `flags.KEY.variant`, else `.enabled`  | `flags.KEY.metadata.payload`     |
| v4                  | `flags.KEY.value`, null being false   | the same                         |
| legacy              | `featureFlags.KEY`                    | `featureFlagPayloads.KEY`        |

The rule that keeps it honest: the question says nothing of the user or the machine, not even the tool's version, and
the answer is hostile input: what does not look like a flag is none.

Source: https://posthog.com/docs/api/flags, and what the official clients for Python (7.91) and Node (5.70) send.
"""

import json

from ..flags import decoded, is_key
from .request import Request, post

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from ...destination import Destination

    # By the key of a flag: value and payload as JSON texts (no payload: ""); None for one that failed.
    Found: TypeAlias = dict[str, tuple[str, str] | None]


def ask(receiver: "Destination", tool: str, who: str) -> Request:
    """The request for all flags of a receiver that `sending.flags.asked` chose, as they are for `who`."""
    url = receiver.url.partition("?")[0].removesuffix("batch/") + "flags/?v=2"
    place = type(receiver)(**{**receiver.options(), "url": url})  # type: ignore[arg-type]  # options of one that was made
    content = {"api_key": receiver.api_key, "distinct_id": who, "geoip_disable": True}
    request = post(content, [{"tool": tool, "version": ""}], place)
    request.shown = request.url  # its query is no secret: it is written here
    return request


def read(body: bytes) -> "tuple[Found, bool]":
    """The flags of an answer, and whether these are all: errors while computing leave some out.

    Raises `ValueError` if it has none: no answer of a known shape, or the project's quota is used up.
    """
    said = decoded(body.decode())
    if not isinstance(said, dict) or "feature_flags" in str(said.get("quotaLimited")):
        raise ValueError("no flags")
    flags, legacy, payloads = (said.get(key) for key in ("flags", "featureFlags", "featureFlagPayloads"))
    if isinstance(flags, dict):
        found = {key: _flag(flag) for key, flag in flags.items() if is_key(key) and isinstance(flag, dict)}
    elif isinstance(legacy, dict):
        payloads = payloads if isinstance(payloads, dict) else {}
        found = {key: (_text(value), _payload(payloads.get(key))) for key, value in legacy.items() if is_key(key)}
    else:
        raise ValueError("not an answer about flags")
    return found, not said.get("errorsWhileComputingFlags")


def _flag(flag: "dict[str, Any]") -> "tuple[str, str] | None":
    if flag.get("failed"):
        return None
    value = flag["value"] if "value" in flag else flag.get("variant") or flag.get("enabled")
    metadata = flag.get("metadata")
    return _text(value), _payload(metadata.get("payload")) if isinstance(metadata, dict) else ""


def _payload(given: object) -> str:
    """A payload as JSON; "" for none, and for a text that is no JSON."""
    try:
        return "" if given is None else _text(decoded(given) if isinstance(given, str) else given)
    except ValueError:
        return ""


def _text(value: object) -> str:
    try:
        # An infinity, as 1e999 is read, has no JSON either: `ValueError`.
        return json.dumps(False if value is None else value, separators=(",", ":"), allow_nan=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
