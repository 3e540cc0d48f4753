#!/usr/bin/env python3
"""Compares the system calls of a run (strace -f) with those that the SystemCallFilter of a unit lets through.

    syscalls.py UNIT TRACE..."""

import pathlib
import re
import subprocess
import sys


def members(name, seen=None):
    """The calls of a set of systemd, with those of the sets in it."""
    seen = set() if seen is None else seen
    if not name.startswith("@"):
        return {name}
    if name in seen:
        return set()
    seen.add(name)
    said = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    found = set()
    for line in said.splitlines()[1:]:
        line = line.strip()
        if line and not line.startswith("#"):
            found |= members(line, seen)
    return found


def main():
    unit, traces = pathlib.Path(sys.argv[1]).read_text(), sys.argv[2:]
    allowed = set()
    for value in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        named = set().union(*(members(name) for name in value.lstrip("~").split()))
        allowed = allowed - named if value.startswith("~") else allowed | named
    used = set()
    for trace in traces:
        used |= set(re.findall(r"^\d+ +(\w+)\(", pathlib.Path(trace).read_text(errors="replace"), re.M))
    # What systemd has done before the filter holds, or answers itself.
    used -= {"execve"}
    if len(used) < 30:
        sys.exit(f"syscalls: the traces have {len(used)} calls: {used}")
    if used - allowed:
        sys.exit(f"syscalls: the unit does not let through {sorted(used - allowed)}")
    print(f"{len(used)} system calls, all of which the unit lets through")


if __name__ == "__main__":
    main()
