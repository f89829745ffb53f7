"""Whether a client gets offsets: what it says, and what its request shows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.recovery.opt_out import said, wanted

PYTHON = "transport=websocket&EIO=4&t=1796010628.6996431"


@pytest.mark.parametrize("value", [False, 0, 0.0, "false", "False", " FALSE ", "0"])
def test_every_language_can_say_no(value: Any) -> None:
    """Java's `auth` is a map of text, and some languages have no booleans on the wire."""
    assert said(value) is False


@pytest.mark.parametrize("value", [True, 1, "true", "1", "", "no", [], {}, ["false"]])
def test_everything_else_is_a_yes(value: Any) -> None:
    """A client that opts out by mistake would lose events without a word."""
    assert said(value) is True


def test_null_says_nothing() -> None:
    """As if the key were missing."""
    assert said(None) is None


@pytest.mark.parametrize(
    "query",
    [
        "EIO=4&transport=websocket&recovery=false",
        "recovery=0&EIO=4&transport=polling&t=abc",
        "recovery=false&recovery=true",
        PYTHON,
        "transport=polling&EIO=4&t=1796010629.7615957",
        f"token=x&{PYTHON}",
    ],
)
def test_these_requests_want_no_offsets(query: str) -> None:
    """They say so, or they are python-engineio's."""
    assert not wanted({"QUERY_STRING": query})


@pytest.mark.parametrize(
    "query",
    [
        "",
        "EIO=4&transport=websocket",
        "EIO=4&transport=polling&t=n2k4mz1x",
        "EIO=4&transport=polling&t=PDKb1Ab",
        "EIO=4&t=1796010628.6996431&transport=websocket",
        "transport=websocket&EIO=4",
        "transport=websocket&EIO=4&t=1796010628",
        "EIO=4&transport=websocket&recovery=true",
        "EIO=4&transport=websocket&recovery",
        "EIO=4&transport=websocket&not_recovery=false",
        f"recovery=true&{PYTHON}",
    ],
)
def test_these_requests_want_offsets(query: str) -> None:
    """JavaScript's, Go's and Dart's clients recover, and anybody may ask for offsets."""
    assert wanted({"QUERY_STRING": query})


@given(st.text(max_size=60))
def test_any_query_is_an_answer(query: str) -> None:
    """Clients choose it, and an exception would leave the connection half open."""
    assert wanted({"QUERY_STRING": query}) in (True, False)
