"""Credentials that something else renews in a file, with the real SDK and a server that refuses old ones."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from queuecast_poller.sqs import client
from queuecast_poller.sqs.failure import Failure, QueueUnavailable
from queuecast_poller.sqs.queue import SqsQueue, open_queue

from .services import HOST, free_port


class Gatekeeper:
    """An SQS with an empty queue that accepts only requests signed with the `accepted` key."""

    def __init__(self) -> None:
        self.accepted = ""
        self.keys: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        found = re.search(r"Credential=(\w+)/", request.headers["Authorization"])
        assert found is not None
        self.keys.append(found[1])
        if found[1] != self.accepted:
            body = {"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "It has expired."}
            return web.json_response(body, status=403)
        return web.json_response({"QueueUrl": f"http://{request.host}/1/orders", "Attributes": {}})


@pytest.fixture
async def gatekeeper(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gatekeeper]:
    gatekeeper = Gatekeeper()
    application = web.Application()
    application.router.add_post("/{path:.*}", gatekeeper.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, HOST, port).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", f"http://{HOST}:{port}")
    yield gatekeeper
    await runner.cleanup()


async def test_credentials_that_were_renewed_in_their_file_are_used_without_a_restart(
    gatekeeper: Gatekeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK reads the file once per client: it would sign with expired credentials for ever."""
    file = tmp_path / "credentials"

    def renew(key: str) -> None:
        file.write_text(f"[default]\naws_access_key_id={key}\naws_secret_access_key=secret\n")

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(client, "RENEW_SECONDS", 0.0)
    renew("OLD")
    gatekeeper.accepted = "OLD"
    async with open_queue("orders", 0, 1, SqsQueue) as queue:
        assert await queue.receive() == []
        gatekeeper.accepted = "NEW"
        with pytest.raises(QueueUnavailable) as caught:
            await queue.receive()
        assert caught.value.reason is Failure.CREDENTIALS
        renew("NEW")
        assert await queue.receive() == []
    assert gatekeeper.keys == ["OLD"] * 4 + ["NEW"]
