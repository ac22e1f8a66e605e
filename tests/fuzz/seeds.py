"""What each parser reads when all is well: the golden files of the wire formats, and by hand what has none."""

import gzip
import json

from discreet.consent import environments
from test_manifest import NAMED, WHOLE
from wire import cases

_ID = "f53ef912-8765-4a51-89ab-000000000001"


def _golden(form: str) -> tuple[str, bytes]:
    """The target and the body of a golden request."""
    head, _, body = cases.GOLDEN.joinpath(f"{form}.http").read_bytes().partition(b"\n\n")
    return head.split()[1].decode(), body


LINES = [line.encode() for line in cases.LINES]
LOGS = [b"\n".join((*LINES, b"")), LINES[0] + b"\n" + LINES[1][:40], gzip.compress(b"\n".join(LINES), mtime=0)]
DELIVERY = [
    b'{"v":1,"plan":"0123456789abcdef 0 1795168800 %b 250","period":"(None, (1, 2, 3))","covered":["event search"],'
    b'"destinations":{"0123456789abcdef":{"shown":"https://example.org/t","since":"2026-11-20T10:30:00Z",'
    b'"offsets":{"%b":[250,1234567]},"anchor":["%b","2026-11-20T10:30:00Z"],"floor":"2026-11-20T10:30:00Z","wake":0.0,'
    b'"attempt":1795168800.5,"failures":2,"held":false,"agreed":true,"status":200,"limit":500}}}\n'
    % ((_ID.encode(),) * 3),
    (
        b'{"v":1,"plan":"","period":"(None, None)","covered":[],"seen":"2026-11-20T10:30:00Z","empty":true,'
        b'"destinations":{}}\n'
    ),
]
CONSENTS = [
    b"true 2026-11-20T10:30:00Z\n", b"enhanced 2026-11-20T10:30:00Z\nevent search\nfield search n number\n", b"true\n",
    b"false 2026-11-20T10:30:00Z\n", b"\xef\xbb\xbftrue\r\n", "true\n".encode("utf-16"), b" " * 250 + b"true\n", b"no",
]  # fmt: skip
NOTICES = [b"2026-11-20T10:30:00Z 5f1c9a0b7d3e4f21\nevent search\n", b""]
POLICIES = [b"false\n", b"true\n", b"# nobody\n", b"off"]
LOSSES = [b'{"queue_full":3,"undeclared_value":12}\n', b"{}\n", b'{ "disk" : 1 }']
FLAGS = [
    (
        b'{"v":1,"from":"0123456789abcdef","fetched":1795000000,"due":1795003600,"failures":0,"flags":{\n"new-ui":true,\n'
        b'"ranking":"test"\n},"payloads":{\n"ranking":{"depth":3}\n}}\n'
    )
]
ANSWERS_ON_FLAGS = [
    *(path.read_bytes() for path in sorted((cases.GOLDEN.parent / "answers").glob("*.json"))),
    (
        b'{"featureFlags":{"a":"test","on":true,"n":1.5},"featureFlagPayloads":{"a":"{\\"x\\":[1]}","on":"{"},'
        b'"errorsWhileComputingFlags":false}'
    ),
    b'{"flags":{"a":{"enabled":true,"variant":"x","metadata":{"payload":"1e3"}}},"quotaLimited":[]}',
]
RECEIPTS = [
    json.dumps(
        {
            "time": "2026-11-20T10:30:00Z", "destination": "https://example.org/t", "format": "json", "records": 1,
            "bytes": 3400, "sha256": "0" * 64, "status": 200, "verdict": "delivered", "ids": [_ID],
        }
    ).encode() + b"\n"
]  # fmt: skip
KEPT = [b"0123456789abcdef" * 4 + b"\n", b"0123456789abcdef" * 2 + b"\n"]  # a salt and an id
MANIFESTS = [
    WHOLE.encode(), NAMED.encode(), b'name = "a"\n[events.x]\nsample = 0x1f\n', b"name = 'a'\n[fields]\nn = 1_000\n",
    b'tool = "mytool"\ndestination = {url = "https://example.org", timeout = 1e3}\n', b"a.b.c = [[1, 2], {x = 1979-05-27}]",
]  # fmt: skip
HEADERS = [
    b"Authorization: Bearer xxxx", b"k=v,k2=v2%20x", b"X-A: 1, 2, 3\nX-B: 4\r\nX-C=a%3Db", b"a=b=c,d:e=f", b"a: %zz,,b",
]  # fmt: skip
_VENDORS = [condition for _, rule in environments.rows(environments.VENDORS) for condition in rule][:40]
ENVIRONMENTS = [
    b"HOME=/home/user\nMYTOOL_TELEMETRY_OPT_IN=true\nMYTOOL__TELEMETRY__ENHANCED=1\nCI=false\nDO_NOT_TRACK=0",
    b"DO_NOT_TRACK=1\nTELEMETRY_DISABLED=\nDISABLE_TELEMETRY=no\nMYTOOL_NO_TELEMETRY=0\nMYTOOL_TELEMETRY_DISABLED=off",
    (
        b"MYTOOL_TELEMETRY_ENDPOINT=https://user:pass@example.org/v1/traces?key=hunter2\nMYTOOL_TELEMETRY_FORMAT=otlp\n"
        b"MYTOOL_TELEMETRY_HEADERS=Authorization: Bearer hunter2\nMYTOOL_TELEMETRY_BATCH_SIZE=10\n"
        b"MYTOOL_TELEMETRY_BATCH_INTERVAL_SECONDS=2.5\nMYTOOL_TELEMETRY_DIR=/tmp/x"
    ),
    b"MYTOOL_POSTHOG_API_KEY=phc_hunter2\nMYTOOL_TELEMETRY_POSTHOG_HOST=https://eu.i.posthog.com\nTOX_ENV_NAME=py",
    "\n".join(f"{name}={value or 1}" for name, _, value in (one.partition("=") for one in _VENDORS)).encode(),
]
SETTINGS = [
    (
        b'disable_telemetry = false\ntools_over_privacy = true\nendpoint = "https://example.org/t"\nbatch_size = 5\n'
        b'batch_interval_seconds = 1.5\nformat = "json"\nheaders = "a: b"\n'
    ),
    b'posthog_api_key = "phc_1"\nposthog_host = "https://eu.i.posthog.com"\nendpoint = ""\ntools_above_privacy = "on"\n',
    b"batch_size = 0x10\nendpoint = 0xff\nposthog_host = [1]\nheaders = {a = 1}\nformat = 1979-05-27\n",
]
URLS = [
    b"https://user:pass@example.org:8443/v1/traces?key=hunter2", b"http://127.0.0.1:4318/t", b"http://localhost/batch/",
    b"https://[::1]:4318/a@b?c@d", b"HTTPS://EXAMPLE.org", b"https://a@b@c/d", b"https://example.org?x=/y",
]  # fmt: skip
HTTP_ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.0 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n2;x=y\r\n, \r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nbody",
    b"HTTP/1.1 429 Slow down\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 503 x\nRetry-After: Sun, 06 Nov 2044 08:49:37 GMT\n\n",
    b"HTTP/1.1 503 x\r\nretry-after: Sunday, 06-Nov-44 08:49:37 GMT\r\nX: Sun Nov  6 08:49:37 1994\r\n\r\n",
]  # fmt: skip
_OWN, _BATCH, _SPANS = (_golden(form)[1] for form in ("json", "posthog", "otlp"))
REQUESTS = [
    b"POST /t HTTP/1.1\r\nHost: localhost:4318\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (len(_OWN), _OWN),
    (
        b"POST /t HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
        b"\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    ),
    (
        b"GET /t?t=mytool&e=search&n=12 HTTP/1.1\r\nHost: [::1]:4318\r\nExpect: 100-continue\r\nAuthorization: Basic eDp5\r\n"
        b"\r\nGET /?tool=mytool HTTP/1.0\r\nHost: x\r\n\r\nPOST /flags/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        b"Content-Type: application/json; charset=utf-8\r\n\r\n{}"
    ),
]
QUERIES = [
    _golden("beacon")[0].partition("?")[2].encode(),
    b"t=mytool&e=search&node=v20.1.0&results.size=5&x=true&y=1.5",
]
OWN = [
    _OWN, b'{"forget":["%b"]}' % _ID.encode(), b'{"t":"mytool","e":"search","go":"go1.22","n":1,"results.size":5}',
    b'{"records":[{"v":1,"time":"2026-11-20T10:30:00Z","event":"e","tool":"t","node":"v20","properties":{"a":{"b":1}}}]}',
]  # fmt: skip
BATCHES = [
    _BATCH,
    (
        b'{"api_key":"phc","batch":[{"event":"$pageview","distinct_id":"0123456789abcdef0123456789abcdef","uuid":null,'
        b'"timestamp":"2026-11-20T10:30:00.123+02:00","properties":{"$lib":"web","$os":"Mac OS X","a.b":1,"c":{"d":2}}}]}'
    ),
]
SPANS = [
    _SPANS,
    (
        b'{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"other"}},{"key":'
        b'"process.runtime.name","value":{"stringValue":"nodejs"}},{"key":"process.runtime.version","value":{"intValue":20}}]}'
        b',"scopeSpans":[{"spans":[{"traceId":"F53EF91287654A5189AB000000000001","spanId":"89ab000000000001","name":"GET /",'
        b'"startTimeUnixNano":1795168800000000000,"endTimeUnixNano":"1795168801000000000","status":{"code":2},"attributes":['
        b'{"key":"process.exit.code","value":{"intValue":"1"}},{"key":"x","value":{"doubleValue":2}}]}]}]}]}'
    ),
]
STORED = [b"\n".join((*LINES, b"")), b"%b\n" % _ID.encode(), LINES[0] + b"\n" + LINES[1][:99], b" " * 300 + b"\n"]
