"""posthog: records as PostHog events, to its batch endpoint, in the cloud or self-hosted.

    POST https://us.i.posthog.com/batch/
    {"api_key":"phc_...","historical_migration":false,"batch":[{
      "event":"search",
      "distinct_id":"<run>",                  or the installation, where the author asked for it
      "uuid":"<id>",                          a repeat is harmless
      "timestamp":"2026-11-20T10:00:00Z",     cut to the destination's precision
      "properties":{"n":12,"results":{"returned":5},
        "$app_name":"mytool","$app_version":"1.4.0","$python_version":"3.11.7","$os":"linux",
        "$process_person_profile":false,      no person is made of this
        "$geoip_disable":true,"$ip":null}}]}  nor a place, and no address is kept

The rule that keeps it honest: a name with a `$` is PostHog's, and no property can have one. There is no `sent_at`,
which would make other bytes of each attempt, and none of the properties that the official clients add unasked.

Source: https://posthog.com/docs/api/capture, and what the official Python client (7.91) sends.
"""

from .facts import cut
from .request import post

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...destination import Destination
    from ..records import Record
    from .request import Request

FACTS = {"tool": "$app_name", "version": "$app_version", "py": "$python_version", "os": "$os"}
ASKED = {"$process_person_profile": False, "$geoip_disable": True, "$ip": None}


def encode(records: "list[Record]", destination: "Destination") -> "Request":
    """The request that carries the records. `destination.api_key` is the project's."""
    batch = [_event(record, destination.time_precision) for record in records]
    content = {"api_key": destination.api_key, "historical_migration": False, "batch": batch}
    return post(content, records, destination)


def _event(record: "Record", precision: str) -> "dict[str, Any]":
    facts = {name: record[fact] for fact, name in FACTS.items() if record[fact]}
    return {
        "event": record["event"],
        "distinct_id": record.get("install") or record["run"],
        "uuid": record["id"],
        "timestamp": cut(record["time"], precision),
        "properties": {**record["properties"], **facts, **ASKED},
    }
