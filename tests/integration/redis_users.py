"""A Redis with the users in `deploy/redis/users.acl`, and their rules."""

import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis as sync_redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from queuecast_bus.keys import Keys
from queuecast_local.redis_server import RedisServer

from .services import HOST, Redis

ROOT = Path(__file__).parents[2]
USERS = ROOT / "deploy" / "redis" / "users.acl"
APPEND = ROOT / "bus" / "src" / "queuecast_bus" / "append.lua"
PASSWORD = "p/ssword-of-{}"
OPERATOR = f"user operator on >{PASSWORD.format('operator')} ~* &* +@all\n"
KEYS = Keys()
SERVICES = ("poller", "gateway")
"""The names of the users, which are those of the services."""


def filled_in(text: str) -> str:
    """Return the file with the SHA-256 of each password, as an operator fills it in."""

    def hashed(found: re.Match[str]) -> str:
        return "#" + hashlib.sha256(PASSWORD.format(found[1]).encode()).hexdigest()

    return re.sub(r"#REPLACE-WITH-THE-SHA-256-OF-THE-PASSWORD-OF-(\w+)", hashed, text)


def rules(user: str) -> list[str]:
    """Return the rules that follow a user's name."""
    (line,) = (line for line in filled_in(USERS.read_text("ascii")).splitlines() if f"user {user} " in line)
    return line.split()[2:]


class Guarded(Redis):
    """A Redis with these users; `client` is the operator, who may do everything."""

    def __init__(self, server: RedisServer, folder: Path, *options: str) -> None:
        path = folder / "users.acl"
        path.write_text(filled_in(USERS.read_text("ascii")) + OPERATOR, "ascii")
        super().__init__(server, folder, "--aclfile", str(path), *options)

    def start(self) -> None:
        self.client.close()
        self.client = self.client_of("operator")
        super().start()

    def url_of(self, user: str) -> str:
        return f"redis://{user}:{quote(PASSWORD.format(user), safe='')}@{HOST}:{self.port}/0"

    def client_of(self, user: str) -> Any:
        """Return a client that sends no commands by itself."""
        return sync_redis.Redis(
            port=self.port,
            username=user,
            password=PASSWORD.format(user),
            socket_timeout=30,
            protocol=2,
            driver_info=None,
            retry=Retry(NoBackoff(), 0),
        )

    def refused(self) -> list[tuple[str, str, str]]:
        """Return each refusal: the user, the kind (key, channel or command) and the subject."""
        entries = self.client.acl_log()
        return [(entry["username"], entry["reason"], entry["object"]) for entry in entries]
