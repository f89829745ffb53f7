"""A client of the HTTP API that compares every answer with the API's own description."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from .gateway import Gateway
from .services import HOST, free_port
from .site import Site, until

DOCUMENT = "urn:openapi"
TOKENS = {
    "shop": ("publish", "shop-token-of-thirty-two-characters"),
    "ops": ("publish,command,view,identities,history", "ops-token-of-thirty-two-characters-x"),
    "watcher": ("view", "watcher-token-of-thirty-two-characters"),
}
REQUESTS = "queuecast_gateway_api_requests_total"


class Answer(NamedTuple):
    """An answer: its status, headers and JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def places(self) -> list[str]:
        """Where in the body of the request something is wrong."""
        return [error["pointer"] for error in self.body.get("errors", [])]


def write_tokens(folder: Path, **tokens: tuple[str, str]) -> Path:
    """Write a file with tokens."""
    path = folder / "tokens"
    lines = [f"{name} {rights} {token}" for name, (rights, token) in (tokens or TOKENS).items()]
    path.write_text("\n".join(lines))
    return path


class Api:
    """The API of one gateway, as the holder of a token sees it."""

    def __init__(self, port: int, session: aiohttp.ClientSession, description: Mapping[str, Any]) -> None:
        self.url = f"http://{HOST}:{port}"
        self.session = session
        self.description = description
        self._registry: Registry[Any] = Registry().with_resource(
            DOCUMENT, Resource.from_contents(description, default_specification=DRAFT202012)
        )

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        holder: str | None = "ops",
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Answer:
        """Send a request. The answer has to be one that the description has; `body` may be raw bytes."""
        sent = dict(headers or {})
        if holder is not None:
            sent.setdefault("Authorization", f"Bearer {TOKENS[holder][1] if holder in TOKENS else holder}")
        if key is not None:
            sent["Idempotency-Key"] = key
        options: dict[str, Any] = {}
        if isinstance(body, bytes):
            options["data"] = body
            sent.setdefault("Content-Type", "application/json")
        elif body is not None:
            options["json"] = body
        async with self.session.request(
            method, self.url + path, headers=sent, params=list(_pairs(query)), **options
        ) as response:
            answer = Answer(response.status, response.headers, json.loads(await response.read()))
        self.check(method, path, answer)
        return answer

    def check(self, method: str, path: str, answer: Answer) -> None:
        """Compare an answer with the description: its status, type, headers and body."""
        operation = self.description["paths"].get(path, {}).get(method.lower())
        content_type = answer.headers["Content-Type"]
        if operation is None:
            assert answer.status in (404, 405)
            self._check_schema("/components/schemas/Problem", answer.body)
            return
        described = operation["responses"][str(answer.status)]
        assert list(described["content"]) == [content_type]
        for name, header in described.get("headers", {}).items():
            assert header["required"] <= (name in answer.headers)
        self._check_schema(
            described["content"][content_type]["schema"]["$ref"].removeprefix("#"), answer.body
        )
        if answer.status != 200:
            assert answer.body["status"] == answer.status

    def _check_schema(self, path: str, value: Any) -> None:
        Draft202012Validator({"$ref": f"{DOCUMENT}#{path}"}, registry=self._registry).validate(value)

    async def publish(self, event: str = "e", data: Any = 1, **more: Any) -> Answer:
        """Publish one event, as the shop does."""
        options = {name: more.pop(name) for name in ("key", "holder") if name in more}
        body = {"event": event, "data": data, **more}
        return await self.ask("POST", "/v1/publish", body, **{"holder": "shop", **options})


def _pairs(query: Mapping[str, Any]) -> Any:
    for name, value in query.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, str(each)


class ApiSite(NamedTuple):
    """A site, and a function that starts replicas with an API."""

    site: Site
    folder: Path

    @asynccontextmanager
    async def start(self, **settings: Any) -> AsyncIterator[tuple[Gateway, Api]]:
        """Start a replica with an API, and wait until it is ready."""
        port = free_port()
        path = self.folder / "tokens"
        if not path.exists():
            write_tokens(self.folder)
        replica = await self.site.start(api_port=port, api_token_file=path, **settings)
        async with connected(port) as api:
            yield replica, api


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Api]:
    """Connect to an API, and read its description."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://{HOST}:{port}/openapi.json") as response:
            description = await response.json()
        yield Api(port, session, description)


async def settled(replica: Gateway, route: str, status: int, count: int) -> None:
    """Wait until so many requests are counted."""
    await until(lambda: replica.metric(REQUESTS, route=route, status=str(status)) >= count)
    await asyncio.sleep(0)
