"""`make send`: its variables, and the messages that it sends."""

import json
from itertools import islice
from typing import Any

import pytest

from queuecast_local.ports import BadVariable
from queuecast_local.send import messages_from, send


def test_without_variables_one_item_is_sent_to_everyone() -> None:
    """`make send` shows something on the board at once."""
    bodies, attributes = messages_from({})
    (body,) = bodies
    assert {"id", "title", "price"} <= json.loads(body).keys()
    assert attributes == {}


def test_n_items_are_all_different() -> None:
    """The board shows items by id."""
    bodies, _ = messages_from({"N": "50"})
    assert len({json.loads(body)["id"] for body in bodies}) == 50


def test_data_is_sent_as_it_was_given() -> None:
    """Your own message, N times."""
    bodies, _ = messages_from({"DATA": '{"eur": 3}', "N": "2"})
    assert list(bodies) == ['{"eur": 3}'] * 2


def test_a_message_is_addressed_by_its_attributes() -> None:
    """Under the names that the poller reads."""
    _, attributes = messages_from({"EVENT": "price", "ROOM": "sku:7", "NAMESPACE": "/shop"})
    assert {name: attribute["StringValue"] for name, attribute in attributes.items()} == {
        "event": "price",
        "rooms": "sku:7",
        "namespace": "/shop",
    }


@pytest.mark.parametrize("environ", [{"N": "0"}, {"N": "many"}, {"N": "-1"}, {"DATA": "{eur:3}"}])
def test_what_cannot_be_sent_is_refused_with_its_variable(environ: dict[str, str]) -> None:
    """Shells often remove quotation marks."""
    with pytest.raises(BadVariable, match=next(iter(environ))):
        messages_from(environ)


class FakeSqs:
    """The emulator's client: accepts batches, and refuses what it is set to refuse."""

    def __init__(self, refused: frozenset[str] = frozenset()) -> None:
        self.batches: list[list[str]] = []
        self._refused = refused

    def get_queue_url(self, *, QueueName: str) -> dict[str, str]:  # noqa: N803  # boto's own spelling
        return {"QueueUrl": QueueName}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.batches.append([entry["MessageBody"] for entry in Entries])
        refused = [entry["Id"] for entry in Entries if entry["MessageBody"] in self._refused]
        return {
            "Successful": [{"Id": entry["Id"]} for entry in Entries if entry["Id"] not in refused],
            "Failed": [{"Id": name, "Code": "InvalidMessageContents"} for name in refused],
        }


def test_messages_are_sent_ten_at_a_time_in_their_order() -> None:
    """SQS accepts no more at once."""
    sqs = FakeSqs()
    assert send(sqs, map(str, range(23)), {}) == 23
    assert [len(batch) for batch in sqs.batches] == [10, 10, 3]
    assert [body for batch in sqs.batches for body in batch] == [str(number) for number in range(23)]


def test_only_what_sqs_accepted_counts_as_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """And what it refused is reported."""
    assert send(FakeSqs(frozenset({"1"})), map(str, range(3)), {}) == 2
    assert "InvalidMessageContents" in capsys.readouterr().err


def test_bodies_are_made_as_they_are_sent() -> None:
    """N may be a million."""
    bodies, _ = messages_from({"N": "1000000000"})
    assert len(list(islice(bodies, 3))) == 3
