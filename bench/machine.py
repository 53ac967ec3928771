# SPDX-License-Identifier: BSD-2-Clause
"""Which machine it was: a figure without it means nothing."""
import datetime
import pathlib
import platform
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def said_by(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE).stdout.strip()
    except FileNotFoundError:
        return ""


def read(path):
    try:
        return pathlib.Path(path).read_text().strip()
    except OSError:
        return ""


def cpu():
    """What lscpu calls it, with the caches, in one line."""
    fields = dict(re.findall(r"^\s*([^:\n]+?):\s+(.+)$", said_by("lscpu"), re.MULTILINE))
    parts = [f"{fields.get('CPU(s)', '?')} CPUs, {fields.get('Model name', platform.machine())}"]
    parts += [f"family {fields['CPU family']} model {fields['Model']}"] if "CPU family" in fields else []
    parts += [f"{float(fields['BogoMIPS']) / 2000:.2f} GHz (nominal)"] if "BogoMIPS" in fields else []
    parts += [f"{name} {fields[name]}" for name in ("L1d cache", "L2 cache", "L3 cache") if name in fields]
    parts += [f"under {fields['Hypervisor vendor']}"] if "Hypervisor vendor" in fields else []
    return ", ".join(parts)


def describe():
    memory = re.search(r"MemTotal:\s+(\d+)", read("/proc/meminfo"))
    vulnerabilities = pathlib.Path("/sys/devices/system/cpu/vulnerabilities")
    return {
        "part": "machine",
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "cpu": cpu(),
        "memory_gb": round(int(memory[1]) * 1024 / 1e9, 1) if memory else None,
        "kernel": f"{platform.system()} {platform.release()} {platform.version()}",
        "spectre_v2": read(vulnerabilities / "spectre_v2"),
        "retbleed": read(vulnerabilities / "retbleed"),
        "spec_rstack_overflow": read(vulnerabilities / "spec_rstack_overflow"),
        "bpf_jit_harden": read("/proc/sys/net/core/bpf_jit_harden"),
        "clocksource": read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "huge_pages": read("/sys/kernel/mm/transparent_hugepage/enabled"),
        "clang": said_by("clang", "-dumpversion"),
        "libbpf": said_by("pkg-config", "--modversion", "libbpf"),
        "commit": said_by("git", "describe", "--always", "--dirty"),
        "load_before": read("/proc/loadavg").split(" ")[0],
    }
