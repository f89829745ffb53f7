"""`python deploy/redis/users.py` writes into `users.acl` which scripts each service may run, by their SHA-1.

A user who may run any script can keep Redis from answering anybody else. So each may run those of its service
and no other: `+evalsha|` and the sum, the command's first argument; Redis knows such rules from 6.2 on.
"""

import hashlib
import re
from pathlib import Path

USERS = Path(__file__).with_name("users.acl")
ROOT = Path(__file__).parents[2]
BUS = ROOT / "bus" / "src" / "queuecast_bus"
GATEWAY = ROOT / "services" / "gateway" / "src" / "queuecast_gateway"

SCRIPTS = {"poller": [BUS / "append.lua"], "gateway": [*BUS.glob("*.lua"), *GATEWAY.glob("*.lua")]}


def sums(user: str) -> list[str]:
    """Return what Redis calls the scripts of a service."""
    found = (hashlib.sha1(path.read_bytes(), usedforsecurity=False) for path in SCRIPTS[user])
    return sorted(each.hexdigest() for each in found)


def with_scripts(users: str) -> str:
    """Return the users' file, in which each service may run its scripts and no other."""
    lines = []
    for line in users.splitlines():
        user = line.split()[1]
        if user in SCRIPTS:
            rest = re.sub(r" \+evalsha\S*", "", line)
            allowed = "".join(f" +evalsha|{each}" for each in sums(user))
            line = rest.replace(" -@all", f" -@all{allowed}")
        lines.append(f"{line}\n")
    return "".join(lines)


if __name__ == "__main__":
    USERS.write_text(with_scripts(USERS.read_text("ascii")), "ascii")
