"""One line about the machine of a measurement, and the memory of a process."""

from __future__ import annotations

import math
import os
import platform
import sys
from pathlib import Path


def described() -> str:
    """Describe processor, cores, memory, system and Python, and the load if the system reports it."""
    parts = [processor(), f"{os.cpu_count()} cores"]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        parts.append(f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB")
    parts += [platform.system(), f"{platform.python_implementation()} {platform.python_version()}"]
    if hasattr(os, "getloadavg"):
        parts.append(f"load {os.getloadavg()[0]:.1f} when the run began")
    return ", ".join(parts)


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def peak_bytes() -> float:
    """Return the peak resident size of this process, nan on Windows."""
    if sys.platform == "win32":
        return math.nan
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
