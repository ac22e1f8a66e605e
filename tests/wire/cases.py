"""The records that drive every format: one list, written as the log holds it, and any others that could be made."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hypothesis import strategies as st

from discreet import names
from discreet.destination import FORMATS, PRECISIONS, Destination
from discreet.sending import wire

GOLDEN = Path(__file__).parent / "golden"
LINES = GOLDEN.joinpath("records.jsonl").read_text(encoding="utf-8").splitlines()
RECORDS: list[dict[str, Any]] = [json.loads(line) for line in LINES]
URLS = {
    "beacon": "https://example.org/t",
    "json": "https://example.org/records",
    "otlp": "https://collector.example.org/v1/traces",
    "posthog": "https://us.i.posthog.com/batch/",
}
API_KEY = "phc_golden"


def destination(form: str, url: str = "", **options: Any) -> Destination:
    """A destination of that format."""
    return Destination(url or URLS[form], format=form, api_key=API_KEY, **options)


def drawn(request: wire.Request) -> bytes:
    """A request as text, before its content encoding: what the golden files hold."""
    headers = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
    return f"{request.method} {request.url}\n{headers}\n".encode() + request.body


def beacon_keys(request: wire.Request) -> dict[str, Any]:
    """What a receiver of beacons sees, by the standard library's own parser: texts of a GET, values of a POST."""
    if request.method == "POST":
        return json.loads(request.body)
    pairs = parse_qsl(urlsplit(request.url).query, keep_blank_values=True, strict_parsing=True)
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


texts = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), max_size=24)
scalars = (
    st.booleans()
    | st.integers(-names.LARGEST_INTEGER, names.LARGEST_INTEGER)
    | st.floats(-names.LARGEST_INTEGER, names.LARGEST_INTEGER)
    | texts
)
# Names that want to be something else, and any others.
WANTED = (
    "t e v py os i install t_ v__ id time run event tool version properties event.name session.id error.type "
    "process.exit.code error.type_ service.name distinct_id uuid timestamp api_key command duration_ms success "
    "exit_code error results results.a"
)
legal = st.sampled_from(WANTED.split()) | st.from_regex(r"[a-z][a-z0-9_.]{0,11}", fullmatch=True)
properties = st.dictionaries(legal, scalars | st.dictionaries(legal | texts, scalars, max_size=4), max_size=8)
times = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0"))
records = st.fixed_dictionaries(
    {
        "v": st.just(1),
        "id": st.uuids(version=4).map(str),
        "time": times,
        "run": st.binary(min_size=8, max_size=8).map(bytes.hex),
        "event": legal,
        "tool": st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,11}", fullmatch=True),
        "version": texts,
        "py": st.just("3.11.7"),
        "os": st.sampled_from(["linux", "darwin", "win32"]),
    },
    optional={"install": st.binary(min_size=16, max_size=16).map(bytes.hex)},
).flatmap(lambda record: properties.map(lambda held: {**record, "properties": held}))
batches = st.lists(records, min_size=1, max_size=5, unique_by=lambda record: record["id"])
forms = st.sampled_from(FORMATS)
precisions = st.sampled_from(PRECISIONS)
