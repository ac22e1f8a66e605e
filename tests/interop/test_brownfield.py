"""The example that streams to a collector, and the real Collector."""

import json
import subprocess
import sys
from pathlib import Path

from conftest import clean_environment
from interop.peers import OtelCollector

PROGRAM = Path(__file__).parents[2] / "docs" / "examples" / "brownfield.py"


def test_a_command_is_a_span_behind_the_collector(collector: OtelCollector, home: Path, tmp_path: Path) -> None:
    """Opted in and routed by two variables, a command arrives as one span of the example's service, fields and all."""
    seen = len(collector.passed_on.received)
    (tmp_path / "cart.py").write_text("class Cart:\n    def add(self, item): ...\n")
    environment = {
        **clean_environment(home),
        "BROWNFIELD_TELEMETRY_OPT_IN": "true",
        "BROWNFIELD_TELEMETRY_ENDPOINT": collector.url,
        "BROWNFIELD_TELEMETRY_BATCH_INTERVAL_SECONDS": "0",
    }
    command = [sys.executable, PROGRAM, "import", "from-code"]
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=30, check=True)
    (resource,) = json.loads(collector.passed_on.wait(seen + 1)[seen].body)["resourceSpans"]
    service = {one["key"]: one["value"] for one in resource["resource"]["attributes"]}
    assert service["service.name"] == {"stringValue": "brownfield"}
    (span,) = resource["scopeSpans"][0]["spans"]
    assert span["name"] == "import.from_code"
    facts = {one["key"]: one["value"] for one in span["attributes"]}
    assert facts["execution_mode"] == {"stringValue": "ast"}
    assert facts["features_detected"] == facts["stories_detected"] == {"intValue": "1"}
