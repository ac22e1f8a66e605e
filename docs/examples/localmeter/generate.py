"""Generate and deploy what domains.toml describes; the targets of the Makefile call it. It knows nothing of telemetry.

G=web python3 generate.py STEP ...     sync, infra, provision, check or lint, of the domain in G or of all
"""

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

BUILD = Path("build")


def domains() -> dict[str, dict[str, Any]]:
    """Each domain by its name, as the file says."""
    return tomllib.loads(Path("domains.toml").read_text(encoding="utf-8"))


def pages(step: str) -> dict[Path, str]:
    """What a step writes, file by file."""
    found = {}
    for name, domain in domains().items():
        machines = [f"{name}{number}" for number in range(1, domain["machines"] + 1)]
        lines = {"sync": machines, "infra": machines, "provision": domain["packages"]}[step]
        found[BUILD / step / f"{name}.txt"] = "".join(f"{line}\n" for line in lines)
    return found


def write(step: str, only: str) -> None:
    """Write what the step writes, of one domain or of all."""
    for path, text in pages(step).items():
        if only in ("", path.stem):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"{step}: {path.stem}")


def check(only: str) -> None:
    """End with a sentence where the inventory, of one domain or of all, is not what the file describes."""
    for path, text in pages("sync").items():
        if only in ("", path.stem) and (not path.exists() or path.read_text(encoding="utf-8") != text):
            sys.exit(f"{path} is not up to date: make sync")


def main() -> int:
    """Do the steps, one after another."""
    only = os.environ.get("G", "")
    for step in sys.argv[1:]:
        if only and only not in domains():
            sys.exit(f"there is no domain {only}")
        if step == "check":
            check(only)
        elif step == "lint":
            print(f"{len(domains())} domains")
        else:
            write(step, only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
