"""The digest of an image, from a registry that requires a token as public ones do."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from requirements.images import NoDigest, digest_of

from .services import HOST, free_port

INDEX = b'{"schemaVersion": 2, "manifests": []}'


class Registry:
    """A registry with one image, `a/b:v1`; it asks for a token, which it gives to anybody."""

    def __init__(self) -> None:
        self.port = free_port()
        self.accepted: list[str] = []

    async def manifest(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer anybody":
            realm = f'realm="http://{HOST}:{self.port}/token"'
            challenge = f'Bearer {realm},service="registry",scope="repository:a/b:pull"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        self.accepted.append(request.headers["Accept"])
        if request.path != "/v2/a/b/manifests/v1":
            return web.Response(status=404)
        return web.Response(body=INDEX)

    async def token(self, request: web.Request) -> web.Response:
        assert dict(request.query) == {"service": "registry", "scope": "repository:a/b:pull"}
        return web.json_response({"token": "anybody"})


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    registry = Registry()
    application = web.Application()
    application.router.add_get("/token", registry.token)
    application.router.add_get("/v2/{path:.*}", registry.manifest)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, HOST, registry.port).start()
    yield registry
    await runner.cleanup()


async def test_a_digest_is_that_of_what_the_registry_sends(registry: Registry) -> None:
    """If there is an index, its digest is taken, which is valid for every architecture."""
    found = await asyncio.to_thread(digest_of, f"{HOST}:{registry.port}/a/b", "v1", "http")
    assert found == f"sha256:{hashlib.sha256(INDEX).hexdigest()}"
    assert registry.accepted[0].startswith("application/vnd.oci.image.index.v1+json")


async def test_an_unknown_tag_has_no_digest(registry: Registry) -> None:
    """No digest is made up, and no tag is silently left out."""
    with pytest.raises(NoDigest, match=r"a/b:v2: .* 404"):
        await asyncio.to_thread(digest_of, f"{HOST}:{registry.port}/a/b", "v2", "http")
    with pytest.raises(NoDigest, match="refused"):
        await asyncio.to_thread(digest_of, f"{HOST}:{free_port()}/a/b", "v1", "http")
