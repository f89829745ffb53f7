"""Which errors mean that another server has to be asked."""

import pytest
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as ConnectionLost

from queuecast_bus.clients import is_wrong_server

WRONG_SERVER = [
    "READONLY You can't write against a read only replica.",
    "ERR Error running script (call to f_412c): @user_script:28: @user_script: 28: -READONLY You can't write "
    "against a read only replica. ",
    "READONLY You can't write against a read only replica. script: 412c, on @user_script:42.",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "NOREPLICAS Not enough good replicas to write.",
    "ERR Error running script (call to f_412c): @user_script:28: @user_script: 28: -NOREPLICAS Not enough "
    "good replicas to write. ",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "LOADING Redis is loading the dataset in memory",
    "MOVED 10485 127.0.0.1:14321",
    "CLUSTERDOWN Hash slot not served",
    "ERR Error running script (call to f_412c): @user_script:28: @user_script: 28: -CLUSTERDOWN The cluster "
    "is down ",
]
RIGHT_SERVER = [
    "OOM command not allowed when used memory > 'maxmemory'.",
    "NOSCRIPT No matching script. Please use EVAL.",
    "NOPERM this user has no permissions to run the 'evalsha' command",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "BUSY Redis is busy running a script.",
    "ASK 10485 127.0.0.1:14321",
    "TRYAGAIN Multiple keys request during rehashing of slot",
]


@pytest.mark.parametrize("answer", WRONG_SERVER)
def test_an_answer_of_a_server_that_is_no_primary_is_recognised(answer: str) -> None:
    """As redis-py makes an exception of it. Before Redis 7, a script's error only quotes the reason."""
    assert is_wrong_server(BaseParser.parse_error(answer))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("answer", RIGHT_SERVER)
def test_other_errors_do_not_lead_to_another_server(answer: str) -> None:
    """Looking for one would help as little as asking again."""
    assert not is_wrong_server(BaseParser.parse_error(answer))  # type: ignore[no-untyped-call]


def test_what_redis_py_says_of_a_demoted_primary_behind_sentinels_is_recognised() -> None:
    """It replaces the server's answer by its own."""
    assert is_wrong_server(ConnectionLost("The previous master is now a slave"))
