"""A server that records, an authority for certificates, and the servers and proxies that nobody here wrote."""

import lzma
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from interop.authority import Authority
from interop.mitmproxy import Proxy, proxying
from interop.nginx import Nginx
from interop.peers import COLLECTOR, OtelCollector, Recorder, free_port, missing, wait_for

CONFIGURATION = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: 127.0.0.1:{port}}}}}}}}}
exporters:
  otlphttp: {{endpoint: "{onward}", encoding: json, compression: none, retry_on_failure: {{enabled: false}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [otlphttp]}}}}
"""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """A recording server for one test."""
    made = Recorder()
    yield made
    made.close()


@pytest.fixture(scope="session")
def otelcol(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of the real Collector."""
    if not COLLECTOR.is_file():
        missing(f"OpenTelemetry Collector ({COLLECTOR}; DISCREET_OTELCOL names another)")
    if COLLECTOR.suffix != ".xz":
        return COLLECTOR
    program = tmp_path_factory.mktemp("otelcol") / "otelcol"
    program.write_bytes(lzma.decompress(COLLECTOR.read_bytes()))
    program.chmod(0o700)
    return program


@pytest.fixture(scope="session")
def collector(otelcol: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtelCollector]:
    """The real Collector, receiving OTLP/HTTP and passing it on as JSON to a recorder."""
    folder = tmp_path_factory.mktemp("collector")
    recorder = Recorder()
    port = free_port()
    configuration = folder / "config.yaml"
    configuration.write_text(CONFIGURATION.format(port=port, onward=recorder.url))
    with folder.joinpath("log").open("wb") as log:
        process = subprocess.Popen([otelcol, "--config", configuration], stdout=log, stderr=log)
    try:
        wait_for(port, process, lambda: folder.joinpath("log").read_text(errors="replace"))
        yield OtelCollector(f"http://127.0.0.1:{port}/v1/traces", recorder)
    finally:
        process.terminate()
        process.wait(20)
        recorder.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that the machine does not trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def nginx(tmp_path: Path, authority: Authority) -> Iterator[Nginx]:
    """The real nginx, not yet started."""
    made = Nginx(tmp_path / "nginx", authority.certificate())
    yield made
    made.stop()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Callable[..., Proxy]]:
    """Start the real mitmproxy, with further options."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(proxying(tmp_path / "mitmproxy", *options))
