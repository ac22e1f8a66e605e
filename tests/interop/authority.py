"""A certificate authority of the tests' own, whose certificates other programs serve."""

from pathlib import Path
from typing import Any, NamedTuple

import trustme


class Certificate(NamedTuple):
    """Files as a server wants them."""

    chain: Path
    key: Path


class Authority:
    """An authority that nobody trusts who is not told to; `bundle` is how one is told."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self._folder = folder
        self._made = 0
        self.bundle = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.bundle))

    def certificate(self, name: str = "127.0.0.1", **validity: Any) -> Certificate:
        """A certificate for `name`; `not_after` and the like as trustme takes them."""
        self._made += 1
        files = Certificate(self._folder / f"{self._made}.pem", self._folder / f"{self._made}.key")
        issued = self._authority.issue_cert(name, **validity)
        files.key.write_bytes(issued.private_key_pem.bytes())
        files.chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        return files
