"""`docs/protocol.md` has what the code has: acknowledgements, refusals, close codes, paths."""

import re
from http import HTTPStatus
from pathlib import Path
from typing import get_args

import queuecast_edge.admin
import queuecast_gateway
from queuecast_gateway.access.authenticator import Code
from queuecast_gateway.engine import frames, session
from queuecast_gateway.server.authentication import EXPIRED
from queuecast_gateway.wire.presence import PRESENCE_EVENT
from queuecast_gateway.wire.protocol import ACK_CODES, HANDLED_EVENTS, OFFSET_EVENT

PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text("utf-8")
SOURCES = Path(queuecast_gateway.__file__).parent


def section(title: str) -> str:
    found = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    assert found, title
    return found


def first_cells(title: str) -> list[str]:
    """Return the first cell of each row of the first table under a heading."""
    rows = re.findall(r"^\| `?([^|`]+)`? \|", section(title), re.MULTILINE)
    return rows[1:]


def test_the_codes_of_acknowledgements_are_those_of_the_gateway() -> None:
    """A page handles each of them."""
    assert sorted(first_cells("Acknowledgements")) == sorted(ACK_CODES)


def test_the_codes_of_a_refused_connect_are_those_of_the_gateway() -> None:
    """Each asks for something else of the page."""
    assert sorted(first_cells("Refused at connect")) == sorted(get_args(Code))


def test_the_close_codes_are_those_that_the_gateway_sends() -> None:
    """Those of the standard that it names in its code, and its own three."""
    text = "".join(path.read_text("utf-8") for path in SOURCES.rglob("*.py"))
    codes = {name: code for name, code in vars(frames).items() if code in (*range(1000, 1016),)}
    sent = {code for name, code in codes.items() if len(re.findall(rf"\b{name}\b", text)) > 1}
    assert {int(code) for code in first_cells("Close codes")} == sent | {
        EXPIRED,
        session.SLOW,
        session.FLOODED,
    }


def test_the_events_are_those_of_the_gateway() -> None:
    """Also those that it answers itself."""
    shown = {
        *re.findall(r"^\| `([\w:]+)`", section("Events of a page") + section("Events of a gateway"), re.M)
    }
    assert shown == {*HANDLED_EVENTS, OFFSET_EVENT, PRESENCE_EVENT}


def test_each_status_of_a_refused_request_is_listed() -> None:
    """Whoever sees one in a proxy's log looks here."""
    text = "".join(path.read_text("utf-8") for path in (SOURCES / "engine").glob("*.py"))
    text += (SOURCES / "public" / "http.py").read_text("utf-8")
    names = set(re.findall(r"HTTPStatus\.([A-Z_]+)", text))
    # Python 3.13 has new names for some of them, beside the old ones.
    refusals = {HTTPStatus[name] for name in names if HTTPStatus[name] >= HTTPStatus.BAD_REQUEST}
    shown = {int(code) for code in re.findall(r"\b(4\d\d|503)\b", section("HTTP"))}
    assert refusals == shown


def test_the_paths_of_the_admin_port_are_those_of_the_code() -> None:
    """Both services have the same."""
    code = Path(queuecast_edge.admin.__file__).read_text("utf-8")
    served = set(re.findall(r'add_get\("(/\w+)"', code))
    assert served == {*re.findall(r"^\| `(/\w+)` \|", section("HTTP").partition("admin port")[2], re.M)}
