"""What the faults send has the same data and the same room in every form: the books are closed by both."""

import json
import re

import pytest
from tests.faults.bodies import FORMS, entry, form_of
from tests.faults.stack import ROUTES
from tests.unit.poller.fakes import message

from queuecast_poller.judge.decision import decide
from queuecast_poller.judge.verdict import Publish
from queuecast_poller.route.loading import load_routes
from queuecast_poller.route.rules import Rules

RULES = Rules().with_file(load_routes(str(ROUTES)), "orders")


def test_the_first_messages_have_every_form() -> None:
    """A form that is never sent would be a form that no fault is tried on."""
    assert {form_of(number) for number in range(len(FORMS))} == set(FORMS)


@pytest.mark.parametrize("number", range(len(FORMS)), ids=FORMS)
@pytest.mark.parametrize("room", ["quarter-2", None])
def test_every_form_reaches_its_room_with_its_data(number: int, room: str | None) -> None:
    """A message that went to everyone instead would be `unexpected` in each run, and no fault's doing."""
    sent = entry(number, 7, room)
    attributes = {name: each["StringValue"] for name, each in sent.get("MessageAttributes", {}).items()}
    (verdict,) = decide([message(body=sent["MessageBody"], attributes=attributes)], RULES)
    assert isinstance(verdict, Publish), verdict
    assert verdict.record.rooms == (() if room is None else (room,))
    assert json.loads(verdict.record.arguments) == [{"group": 7, "n": number}]


@pytest.mark.parametrize("number", range(40, 40 + len(FORMS)))
def test_the_last_digit_of_a_body_is_the_numbers(number: int) -> None:
    """The emulator alters the last digit; with another one, an altered message would pass for a whole one."""
    body = entry(number, 7, "quarter-2")["MessageBody"]
    digits = list(re.finditer(r"\d", body))[-2:]
    assert "".join(digit[0] for digit in digits) == str(number)
