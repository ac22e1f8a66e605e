"""The machine behind the figures: what a reader needs to know before comparing them with others."""

import os
import platform
import sysconfig
from pathlib import Path


def facts() -> dict[str, object]:
    """Facts of the machine and the interpreter; the load is that of the moment of the call."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "system": platform.system(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": platform.python_compiler(),
        "--enable-optimizations": "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
        "load average": round(os.getloadavg()[0], 2),
    }


def stolen_ticks() -> tuple[int, int]:
    """Ticks the hypervisor took from this machine, and ticks in all, since boot (proc(5), /proc/stat)."""
    words = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    ticks = [int(word) for word in words]
    return ticks[7], sum(ticks)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
