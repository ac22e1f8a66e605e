"""The real nginx, which answers as one is told in its own language."""

import os
import shutil
import subprocess
from pathlib import Path

from interop.authority import Certificate
from interop.peers import free_port, missing, wait_for

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
events {{}}
http {{
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  log_format seen '$request_method $uri $status';
  access_log {folder}/seen seen;
  server {{
    listen 127.0.0.1:{port} {kind};
    ssl_certificate {chain};
    ssl_certificate_key {key};
    {server}
    location / {{ {answer} }}
  }}
}}
"""


class Nginx:
    """One server on a port of its own, which it keeps however often it is started with another answer."""

    def __init__(self, folder: Path, certificate: Certificate) -> None:
        # Debian has it where only an administrator's PATH looks.
        found = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
        if found is None:
            missing("nginx (apt-get install nginx)")
        self._program = found
        self._folder = folder
        self._certificate = certificate
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}/t"
        folder.mkdir()

    def start(self, answer: str, *, server: str = "", certificate: Certificate | None = None, tls: bool = True) -> None:
        """Serve `answer`, the directives of a location, and `server`, those beside it; over http without `tls`."""
        self.stop()
        chain, key = certificate or self._certificate
        configuration = self._folder / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(
                folder=self._folder,
                port=self.port,
                kind="ssl http2" if tls else "",
                chain=chain,
                key=key,
                server=server,
                answer=answer,
            )
        )
        log = self._folder / "log"
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                [self._program, "-e", "stderr", "-p", self._folder, "-c", configuration], stdout=stream, stderr=stream
            )
        wait_for(self.port, self._process, lambda: log.read_text(errors="replace"))

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def seen(self) -> list[str]:
        """The requests that it has answered: `POST /t 204`."""
        return (self._folder / "seen").read_text().splitlines()
