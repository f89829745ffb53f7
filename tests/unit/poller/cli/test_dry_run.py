"""What would become of a message, without a queue."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.poller.captured import FOLDER

from queuecast_poller.cli.dry_run import add_to, read_messages
from queuecast_poller.settings import Settings

ROUTES = """
routes:
  - name: orders
    when: eventbridge.source == 'shop.orders'
    event: eventbridge."detail-type"
    rooms: join(':', ['order', to_string(data.id)])
    max_age: 60
"""


async def output_of(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str, code: int = 0) -> str:
    """Run the command; return its output."""
    (folder / "routes.yaml").write_text(ROUTES, "utf-8")
    parser = argparse.ArgumentParser()
    add_to(parser.add_subparsers())
    parsed = parser.parse_args(["route", *arguments])
    settings = Settings(
        queues=("orders", "prices"), routes=str(folder / "routes.yaml"), payload_buckets=("bigj",)
    )
    if code:
        with pytest.raises(SystemExit) as end:
            await parsed.run(settings, parsed)
        assert end.value.code == code
    else:
        await parsed.run(settings, parsed)
    captured = capsys.readouterr()
    return captured.out or captured.err


async def test_it_says_all_that_becomes_of_a_message(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Envelope, route, event, rooms, verdict."""
    text = await output_of(capsys, tmp_path, str(FOLDER / "eventbridge-event.moto.json"))
    assert [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("data")] == [
        ["message:", "-"],
        ["envelope:", "eventbridge"],
        ["route:", "routes[0] (orders)"],
        ["event:", "OrderPlaced"],
        ["namespace:", "/"],
        ["rooms:", "order:7"],
        ["max_age:", "60.0"],
        ["verdict:", "publish"],
    ]
    assert '"title":"Blue kettle"' in text


async def test_it_ends_with_1_if_a_message_would_be_left(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A pipeline can check its examples."""
    files = [str(FOLDER / name) for name in ("eventbridge-in-sns.localstack.json", "celery-task.json")]
    lines = (await output_of(capsys, tmp_path, *files, "--json", code=1)).splitlines()
    unmatched, base64 = map(json.loads, lines)
    assert (unmatched["verdict"], unmatched["reason"], unmatched["envelopes"]) == (
        "leave",
        "no_route",
        ["sns", "eventbridge"],
    )
    assert (base64["verdict"], base64["reason"]) == ("leave", "not_json")


async def test_other_verdicts_are_shown_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A payload in S3, one that may not be read, and a message for nobody."""
    names = ("extended-client-java.json", "extended-client-python.json", "s3-test-event.moto.json")
    text = await output_of(capsys, tmp_path, *(str(FOLDER / name) for name in names), code=1)
    assert "fetch: the payload is s3://bigj/6d12c2a1" in text
    assert "leave: no_payload: s3://big/f832314f" in text
    assert "drop: s3_test" in text


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nowhere.json"], "No such file"),
        (["{body}", "--queue", "other"], "QUEUECAST_QUEUES names only orders, prices"),
    ],
)
async def test_a_wrong_argument_is_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], word: str
) -> None:
    """With exit code 2."""
    body = tmp_path / "body.json"
    body.write_text("{}", "utf-8")
    given = [each.format(body=body) for each in arguments]
    assert word in await output_of(capsys, tmp_path, *given, code=2)


@pytest.mark.parametrize(
    ("text", "bodies"),
    [
        ('{"id": 7}\n', ['{"id": 7}']),
        ("no json", ["no json"]),
        (json.dumps({"Body": "1", "MessageId": "m"}), ["1"]),
        (json.dumps({"Messages": [{"Body": "1"}, {"Body": "2"}]}), ["1", "2"]),
        ('{"Body": "1", "mine": 2}', ['{"Body": "1", "mine": 2}']),
        ('{"Messages": "mine"}', ['{"Messages": "mine"}']),
    ],
)
def test_a_file_holds_a_body_or_what_the_aws_cli_shows(text: str, bodies: list[str]) -> None:
    """Whichever is at hand."""
    assert [message.body for message in read_messages(text)] == bodies


def test_a_message_in_a_file_has_its_attributes() -> None:
    """They address it."""
    attributes: Any = {
        "rooms": {"DataType": "String", "StringValue": "a"},
        "bin": {"DataType": "Binary", "BinaryValue": "AP8="},
    }
    system = {"MessageGroupId": "g", "SentTimestamp": "5"}
    (found,) = read_messages(json.dumps({"Body": "1", "MessageAttributes": attributes, "Attributes": system}))
    assert (found.attributes, found.unreadable) == ({"rooms": "a"}, ("bin",))
    assert (found.group, found.sent_ms) == ("g", 5)
