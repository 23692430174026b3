"""``python hardware.py ANSWER``: what the kernel says of the machine, as raw texts by path, in a JSON file.

Nothing is understood here: what the texts mean is found on the host, where it is tested against recorded ones.
"""

from __future__ import annotations

import glob
import importlib.util
import json
import os
import platform
import sys

PATHS = (
    "proc/cpuinfo",
    "proc/meminfo",
    "proc/device-tree/model",
    "proc/device-tree/compatible",
    "etc/os-release",
    "sys/devices/system/cpu/cpu[0-9]*/cpufreq/cpuinfo_max_freq",
    "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_max_freq",
    "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_available_governors",
    "sys/devices/system/cpu/cpu[0-9]*/cpu_capacity",
    "sys/devices/system/cpu/cpu[0-9]*/topology/physical_package_id",
    "sys/devices/system/cpu/cpu[0-9]*/topology/cluster_id",
    "sys/class/thermal/thermal_zone*/type",
    "sys/class/thermal/thermal_zone*/temp",
)
MODULES = ("onnxruntime", "ai_edge_litert", "tflite_runtime", "openvino", "numpy")
MOST_BYTES = 1 << 18
MOST_FILES = 4096


def collect(root: str = "/") -> dict[str, str]:
    """The texts there are, by their paths under the root."""
    found: dict[str, str] = {}
    for pattern in PATHS:
        for path in sorted(glob.glob(os.path.join(root, pattern)))[: MOST_FILES - len(found)]:
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    found[os.path.relpath(path, root)] = file.read(MOST_BYTES).rstrip("\0\n")
            except OSError:
                continue
    return found


def main(answer: str) -> int:
    """Write it all down."""
    told = {
        "machine": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "modules": [name for name in MODULES if importlib.util.find_spec(name) is not None],
        "texts": collect(),
    }
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(told, file)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
