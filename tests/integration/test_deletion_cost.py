"""The requests to Kubernetes's API server, over HTTP and TLS as in a cluster, and whatever it may answer."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from queuecast_gateway.replica import deletion_cost as module
from queuecast_gateway.replica.deletion_cost import COST_OF_EMPTY, DeletionCost

from .services import HOST, free_port
from .site import until

POD = "queuecast-gateway-7d4b9c-x2x4z"


class ApiServer:
    """Records its requests, and answers with `status`, or not before `going_on` is set."""

    def __init__(self, account: Path) -> None:
        self.port = free_port()
        self.requests: list[tuple[str, str, str, str, object]] = []
        self.status = 200
        self.going_on = asyncio.Event()
        self.going_on.set()
        self._account = account
        self._ca = trustme.CA()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    async def start(self, ca: trustme.CA | None = None) -> None:
        self._ca.cert_pem.write_to_path(str(self._account / "ca.crt"))
        self.renew_token("first")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (ca or self._ca).issue_cert(HOST).configure_cert(tls)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port, ssl_context=tls).start()

    async def stop(self) -> None:
        self.going_on.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def renew_token(self, token: str) -> None:
        """Renew the token, as the kubelet does for a pod long before the old one expires."""
        (self._account / "token").write_text(token)

    def told(self) -> list[int]:
        """Return the numbers of connections that the reported costs stand for."""
        return [
            int(body["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"]) - COST_OF_EMPTY
            for *_, body in self.requests
            if isinstance(body, dict)
        ]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(
            (
                request.method,
                request.path,
                request.content_type,
                request.headers.get("Authorization", ""),
                await request.json(),
            )
        )
        await self.going_on.wait()
        headers = {"Location": f"{self.url}/elsewhere"} if 300 <= self.status < 400 else {}
        return web.json_response({"kind": "Pod"}, status=self.status, headers=headers)


class Pod:
    """A gateway's pod, which reports its own deletion cost."""

    def __init__(self, server: ApiServer, account: Path, interval_seconds: float = 30.0) -> None:
        self.connections = 0
        self.failures: list[None] = []
        self.cost = DeletionCost(
            POD,
            "shop",
            lambda: self.connections,
            on_failure=lambda: self.failures.append(None),
            server=server.url,
            account=account,
            interval_seconds=interval_seconds,
        )


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for answers as long as a late machine may take."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 60.0)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ApiServer]:
    server = ApiServer(tmp_path)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def pod(server: ApiServer, tmp_path: Path) -> Pod:
    return Pod(server, tmp_path)


async def test_a_pod_patches_its_own_annotation_and_nothing_else(server: ApiServer, pod: Pod) -> None:
    """A merge patch leaves other annotations, and the changes of others, as they are."""
    pod.connections = 1_234
    await pod.cost.report()
    assert server.requests == [
        (
            "PATCH",
            f"/api/v1/namespaces/shop/pods/{POD}",
            "application/merge-patch+json",
            "Bearer first",
            {"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-998766"}}},
        )
    ]
    assert not pod.failures


async def test_only_relevant_changes_are_reported(server: ApiServer, pod: Pod) -> None:
    """An API server should not have to follow each browser."""
    for pod.connections in (1_000, 1_000, 1_050, 1_100, 1_101, 0, 0, 5, 40):
        await pod.cost.report()
    assert server.told() == [1000, 1100, 0, 5, 40]


async def test_a_token_that_was_renewed_is_shown_from_then_on(server: ApiServer, pod: Pod) -> None:
    """A projected token is valid for an hour; a gateway runs for weeks."""
    await pod.cost.report()
    server.renew_token("second\n")
    pod.connections = 100
    await pod.cost.report()
    assert [authorization for *_, authorization, _ in server.requests] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("status", [302, 401, 403, 404, 409, 429, 500, 503])
async def test_a_refused_report_is_repeated(
    status: int, server: ApiServer, pod: Pod, caplog: pytest.LogCaptureFixture
) -> None:
    """The Role may be missing, or the server in trouble: one line when it begins, one when it ends."""
    server.status = status
    pod.connections = 50
    with caplog.at_level(logging.INFO):
        await pod.cost.report()
        await pod.cost.report()
        server.status = 200
        await pod.cost.report()
        await pod.cost.report()
    assert server.told() == [50] * 3, "a redirect does not take the token anywhere"
    assert len(pod.failures) == 2
    lines = [record.getMessage() for record in caplog.records if record.name == module.__name__]
    assert len(lines) == 2
    assert f"HTTP {status}" in lines[0]
    assert "after 2 failures" in lines[1]


@pytest.mark.parametrize("token", [b"\xff\xfe", b"a\r\nX-Forged: b"])
async def test_a_token_that_is_no_valid_header_breaks_nothing(
    token: bytes, server: ApiServer, pod: Pod, tmp_path: Path
) -> None:
    """Whatever is in that file, it must not cost a gateway."""
    (tmp_path / "token").write_bytes(token)
    await pod.cost.report()
    assert not server.requests
    assert len(pod.failures) == 1


async def test_an_answer_that_does_not_come_is_not_waited_for(
    server: ApiServer, pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise each half minute would add a connection that never ends."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 2.0)
    server.going_on.clear()
    reports = 0
    async with asyncio.timeout(60):
        while not server.requests:  # on a late machine the time may be over before the request has come
            await pod.cost.report()
            reports += 1
    assert len(pod.failures) == reports


async def test_an_api_server_that_is_away_is_found_again(server: ApiServer, pod: Pod) -> None:
    """Control planes are upgraded while gateways run."""
    await server.stop()
    await pod.cost.report()
    assert len(pod.failures) == 1
    await server.start()
    await pod.cost.report()
    assert server.told() == [0]
    assert len(pod.failures) == 1


async def test_the_token_goes_only_to_servers_that_the_clusters_ca_has_signed(tmp_path: Path) -> None:
    """The token allows changing pods."""
    impostor = ApiServer(tmp_path)
    await impostor.start(trustme.CA())
    pod = Pod(impostor, tmp_path)
    await pod.cost.report()
    assert not impostor.requests
    assert len(pod.failures) == 1
    await impostor.stop()


async def test_it_goes_on_by_itself_and_never_faster_than_it_may(server: ApiServer, tmp_path: Path) -> None:
    """It keeps its pace however fast connections come, and no failure ends it."""
    pod = Pod(server, tmp_path, interval_seconds=0.1)
    running = asyncio.create_task(pod.cost.run())
    began = asyncio.get_running_loop().time()
    server.status = 500
    await until(lambda: len(pod.failures) >= 2)
    server.status = 200

    def six() -> bool:
        pod.connections += 100
        return len(server.requests) >= 6

    await until(six)
    took = asyncio.get_running_loop().time() - began
    assert took >= 6 * 0.1
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])
