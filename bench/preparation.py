"""What a bench does before it measures: check the machine, and make it the same for every run."""

import os
import resource
import sys
from dataclasses import dataclass

from queuecast_local import redis_server
from queuecast_local.redis_server import RedisServer

SETTINGS = ("QUEUECAST_", "AWS_")


class Unsuitable(Exception):
    """The machine lacks what a bench needs; the message says what that is."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The server's core, and the core of everything else."""

    server: int
    generator: int


def prepare() -> RedisServer:
    """Forget the settings of this shell, so that the defaults are measured; return the Redis to measure with.

    Raises `Unsuitable`.
    """
    for variable in [name for name in os.environ if name.startswith(SETTINGS)]:
        del os.environ[variable]
    redis = redis_server.find()
    if len(os.sched_getaffinity(0)) < 2 or not redis.real:
        raise Unsuitable(
            "the bench needs two cores, one for the server and one for the load, "
            "and a real Redis: redis-server or valkey-server in PATH"
        )
    return redis


def pinned_cores() -> Cores:
    """Return the first and the last core of this process, which stays on the last one: the generator's."""
    free = sorted(os.sched_getaffinity(0))
    cores = Cores(server=free[0], generator=free[-1])
    os.sched_setaffinity(0, {cores.generator})
    return cores


def raise_open_files() -> int:
    """Raise the limit of open files as far as possible, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def say(text: str) -> None:
    """Print progress for whoever watches."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
