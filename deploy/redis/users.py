"""`python deploy/redis/users.py`: write into `users.acl` which scripts each service may run, by SHA-1.

A user that may run any script can keep Redis from answering anybody else. So each user may run only the
scripts of its service: the rule is `+evalsha|` and the SHA-1, the command's first argument. Redis has such
rules since 6.2.
"""

import hashlib
import re
from pathlib import Path

USERS = Path(__file__).with_name("users.acl")
ROOT = Path(__file__).parents[2]
BUS = ROOT / "bus" / "src" / "queuecast_bus"
GATEWAY = ROOT / "services" / "gateway" / "src" / "queuecast_gateway"

SCRIPTS = {"poller": [BUS / "append.lua"], "gateway": [*BUS.glob("*.lua"), *GATEWAY.rglob("*.lua")]}


def sums(user: str) -> list[str]:
    """Return the SHA-1 sums by which Redis knows the scripts of a service."""
    found = (hashlib.sha1(path.read_bytes(), usedforsecurity=False) for path in SCRIPTS[user])
    return sorted(each.hexdigest() for each in found)


def with_scripts(users: str) -> str:
    """Return the users' file, in which each service may run only its own scripts."""
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
