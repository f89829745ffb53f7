"""What the HTTP API of a real gateway refuses, and what it survives. Each test ends with honest traffic."""

import asyncio
import json
import re
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from queuecast_gateway.api.server import MAX_CONNECTIONS
from queuecast_local.redis_server import RedisServer

from .api import REQUESTS, Api, ApiSite, write_tokens
from .gateway import Gateway
from .page import page
from .redis_pair import RedisPair
from .services import HOST
from .site import Site, items, until


async def honest(one: Gateway, api: Api) -> None:
    """Publish one event, and see it arrive."""
    async with page(one.port) as first:
        assert (await api.publish(data="honest")).status == 200
        while await first.event() != ["e", "honest"]:
            pass  # a replica that is late reads what was published before the page came
    assert "Traceback" not in one.log()


async def test_without_a_token_that_allows_it_nothing_is_done(api_site: ApiSite) -> None:
    """Each operation needs one right, and no token is in the query, a cookie or the log."""
    async with api_site.start() as (one, api):
        for path, operations in api.description["paths"].items():
            for method in operations:
                if path == "/openapi.json":
                    continue
                none = await api.ask(
                    method.upper(), path, {"user": "ann"} if method == "post" else None, holder=None
                )
                assert none.status == 401
                assert none.headers["WWW-Authenticate"].startswith("Bearer")
                unknown = await api.ask(method.upper(), path, holder="x" * 40)
                assert unknown.status == 401
        for wrong in ("Basic eDp4", "Bearer", "Bearer a b", "Bearer \xe9"):
            assert (await api.ask("GET", "/v1/rooms", headers={"Authorization": wrong})).status in (401, 429)
        for holder, method, path in (
            ("shop", "POST", "/v1/disconnect"),
            ("shop", "GET", "/v1/rooms"),
            ("watcher", "POST", "/v1/publish"),
            ("watcher", "POST", "/v1/publish-batch"),
            ("watcher", "GET", "/v1/history"),
        ):
            assert (
                await api.ask(method, path, {"user": "ann"} if method == "POST" else None, holder=holder)
            ).status == 403
        query = {"access_token": "ops-token-of-thirty-two-characters-x"}
        assert (await api.ask("GET", "/v1/rooms", holder=None, **query)).status == 400
        await honest(one, api)
        assert "token-of" not in one.log()


async def test_an_address_that_guesses_waits_and_right_tokens_do_not(api_site: ApiSite) -> None:
    """The log has a line for each unknown token until then. A back end behind the same address goes on."""
    async with api_site.start(max_failed_tries=3) as (one, api):
        statuses = [(await api.ask("GET", "/v1/rooms", holder=f"{n}" * 40)).status for n in range(6)]
        assert statuses == [401, 401, 401, 429, 429, 429]
        refused = await api.ask("POST", "/v1/publish", {"event": "e", "data": 1}, holder="9" * 40)
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert len(re.findall("has shown an unknown token", one.log())) == 3
        await honest(one, api)
        assert one.metric(REQUESTS, route="rooms", status="429") == 3


async def test_a_token_is_replaced_without_a_restart(api_site: ApiSite) -> None:
    """Both are valid while the holder changes over, and a broken file changes nothing."""
    old, new = ("publish", "o" * 32), ("publish", "n" * 32)
    path = write_tokens(api_site.folder, shop=old)
    async with api_site.start(max_failed_tries=0) as (one, api):
        assert (await api.publish(holder=old[1])).status == 200
        path.write_text(f"shop publish {old[1]}\nshop publish {new[1]}\n")
        await until_status(api, new[1], 200)
        told = await api.publish(key="k", holder=old[1])
        again = await api.publish(key="k", holder=new[1])
        assert again.body == {"offset": told.body["offset"], "duplicate": True}, "a holder keeps its keys"
        path.write_text("shop publish too-short")
        async with asyncio.timeout(60):
            while "the last API tokens stay in use" not in one.log():
                assert (
                    await api.publish(holder=new[1])
                ).status == 200  # the file is looked at with a request
        path.write_text(f"# only the new one\nshop publish {new[1]}\n")
        await until_status(api, old[1], 401)
        assert (await api.publish(holder=new[1])).status == 200
        assert "too-short" not in one.log()


async def until_status(api: Api, holder: str, status: int) -> None:
    async with asyncio.timeout(60):
        while (await api.publish(holder=holder)).status != status:
            pass


WRONG_EVENTS: list[tuple[Any, str]] = [
    ([], "#"),
    ({"data": 1}, "#/event"),
    ({"event": 7, "data": 1}, "#/event"),
    ({"event": "", "data": 1}, "#/event"),
    ({"event": "disconnect", "data": 1}, "#/event"),
    ({"event": "token_expiring", "data": 1}, "#/event"),
    ({"event": "queuecast:offset", "data": 1}, "#/event"),
    ({"event": "x" * 257, "data": 1}, "#/event"),
    ({"event": "e"}, "#"),
    ({"event": "e", "data": 1, "args": [1]}, "#"),
    ({"event": "e", "args": 1}, "#/args"),
    ({"event": "e", "data": 1, "room": "a"}, "#"),
    ({"event": "e", "data": 1, "rooms": []}, "#/rooms"),
    ({"event": "e", "data": 1, "rooms": "a"}, "#/rooms"),
    ({"event": "e", "data": 1, "rooms": ["a", "b,c"]}, "#/rooms/1"),
    ({"event": "e", "data": 1, "rooms": ["a", 7]}, "#/rooms/1"),
    ({"event": "e", "data": 1, "rooms": ["a\n"]}, "#/rooms/0"),
    ({"event": "e", "data": 1, "rooms": ['["a"]']}, "#/rooms/0"),
    ({"event": "e", "data": 1, "rooms": [str(n) for n in range(101)]}, "#/rooms"),
    ({"event": "e", "data": 1, "namespace": "shop"}, "#/namespace"),
    ({"event": "e", "data": 1, "namespace": "queuecast:command"}, "#/namespace"),
    ({"event": "e", "data": 1, "namespace": None}, "#/namespace"),
    ({"event": "e", "data": 1, "key": "k"}, "#/key"),
    ({"event": "e", "data": 1, "volatile": "yes"}, "#/volatile"),
    ({"event": "e", "data": 1, "attachments": ["AAAA"]}, "#/attachments"),
    ({"event": "e", "data": {"_placeholder": True, "num": 0}, "attachments": ["!"]}, "#/attachments/0"),
    ({"event": "e", "data": {"_placeholder": True, "num": 1}, "attachments": ["AAAA"]}, "#/attachments"),
    ({"event": "e", "data": 1, "attachments": ["AAAA"] * 11}, "#/attachments"),
    ({"event": "e", "data": "x" * 50_000}, "#"),
    ({"event": "price", "data": {"eur": "3"}}, "#/data"),
]


async def test_what_some_client_could_not_read_is_refused_with_its_place(api_site: ApiSite) -> None:
    """The same rules as for messages of a queue. Nothing of it reaches a browser."""
    schemas = api_site.folder / "schemas.json"
    schemas.write_text(json.dumps({"price": {"properties": {"eur": {"type": "number"}}}}))
    async with (
        api_site.start(api_schemas=schemas, max_record_bytes=40_000) as (one, api),
        page(one.port) as first,
    ):
        for body, place in WRONG_EVENTS:
            refused = await api.ask("POST", "/v1/publish", body, holder="shop")
            assert (refused.status, refused.places[:1]) == (422, [place]), (body, refused)
        deep = b'{"event": "e", "data": ' + b"[" * 64 + b"]" * 64 + b"}"
        assert (await api.ask("POST", "/v1/publish", deep)).places == ["#/data"]
        lone = b'{"event": "e", "data": "\\ud800"}'
        assert (await api.ask("POST", "/v1/publish", lone)).places == ["#/data"]
        assert (await api.publish("price", {"eur": 3})).status == 200
        assert await first.event() == ["price", {"eur": 3}]
        await honest(one, api)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"event": "e", "data": NaN}',
        b'{"event": "e", "data": 1e999}',
        b'{"event": "e", "data": ' + b"1" * 200 + b"}",
        b'{"event": "e", "data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
async def test_a_body_that_is_not_json_is_one_answer_and_no_traceback(api_site: ApiSite, body: bytes) -> None:
    """Whoever writes a client reads what is wrong."""
    async with api_site.start() as (one, api):
        assert (await api.ask("POST", "/v1/publish", body)).status == 400
        await honest(one, api)


async def test_requests_that_are_no_requests_for_an_operation_are_refused(api_site: ApiSite) -> None:
    """Paths, methods, headers and queries, each with what would be right."""
    async with api_site.start() as (one, api):
        assert (await api.ask("GET", "/v2/publish")).status == 404
        method = await api.ask("GET", "/v1/publish")
        assert (method.status, method.headers["Allow"]) == (405, "POST")
        event = {"event": "e", "data": 1}
        plain = {"Content-Type": "text/plain"}
        assert (await api.ask("POST", "/v1/publish", b"{}", headers=plain)).status == 415
        latin = {"Content-Type": "application/json; charset=latin-1"}
        assert (await api.ask("POST", "/v1/publish", b"{}", headers=latin)).status == 415
        for key in ("", "a b", "x" * 256, "é"):
            assert (await api.ask("POST", "/v1/publish", event, key=key)).status == 400, key
        for query in ({"rooms": "a"}, {"namespace": "shop"}, {"room": "a,b"}, {"namespace": ["/", "/"]}):
            assert (await api.ask("GET", "/v1/rooms", **query)).status == 400, query
        assert (await api.ask("GET", "/v1/rooms", room=[f"{n}" for n in range(101)])).status == 400
        for wrong in ({}, {"user": "a", "room": "b"}, {"user": ""}, {"user": "a", "rooms": ["b"]}, []):
            assert (await api.ask("POST", "/v1/disconnect", wrong)).status == 422, wrong
        refused = await api.ask("POST", "/v1/join", {"user": "a", "rooms": ["b", "sid:" + "a" * 20]})
        assert refused.places == ["#/rooms/1"]
        await honest(one, api)


async def test_too_much_is_refused_before_it_is_read(api_site: ApiSite) -> None:
    """Bodies and batches have a bound, and a refused request stores nothing."""
    async with api_site.start(api_max_body_bytes=10_000, api_max_batch=3, max_record_bytes=9_000) as (
        one,
        api,
    ):
        assert (await api.ask("POST", "/v1/publish", b"x" * 10_001)).status == 413
        batch = {"messages": [{"event": "e", "data": 1}] * 4}
        assert (await api.ask("POST", "/v1/publish-batch", batch)).places == ["#/messages"]
        assert (await api.ask("POST", "/v1/publish-batch", {"messages": []})).status == 422
        await honest(one, api)


async def test_a_holder_that_publishes_too_fast_waits_and_nobody_else(api_site: ApiSite) -> None:
    """One event in a thousand seconds here, so that the next one is too fast on any machine."""
    async with api_site.start(api_max_events_per_second=0.001) as (one, api):
        assert (await api.publish()).status == 200
        refused = await api.publish()
        assert refused.status == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 1_000
        assert (await api.ask("GET", "/v1/rooms", holder="watcher")).status == 200
        assert one.metric(REQUESTS, route="publish", status="429") == 1


HEAD = (
    b"POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer shop-token-of-thirty-two-characters\r\nContent-Length: 50\r\n\r\n{"
)


async def test_requests_beyond_the_bound_are_told_to_come_back(api_site: ApiSite) -> None:
    """Each may hold a body in memory."""
    async with api_site.start(connect_seconds=120, api_max_requests=1) as (one, api):
        writers = []
        async with asyncio.timeout(60):
            # One that comes while another request is answered is refused itself.
            while (await api.publish()).status != 503:
                _, writer = await asyncio.open_connection(HOST, int(api.url.rpartition(":")[2]))
                writer.write(HEAD)
                writers.append(writer)
        for writer in writers:
            writer.close()
        await until_status(api, "shop", 200)
        await honest(one, api)


async def test_connections_beyond_the_bound_are_told_to_come_back(api_site: ApiSite) -> None:
    """Each takes a descriptor that a browser could have."""
    async with api_site.start(connect_seconds=120) as (one, api):
        port = int(api.url.rpartition(":")[2])
        with ExitStack() as opened:
            for _ in range(MAX_CONNECTIONS + 1):
                last = opened.enter_context(socket.create_connection((HOST, port), 60))
            assert (await asyncio.to_thread(last.recv, 100)).startswith(b"HTTP/1.1 503 ")
        await until_status(api, "shop", 200)
        await honest(one, api)


async def test_slow_and_broken_clients_are_not_waited_for(api_site: ApiSite) -> None:
    """A few bytes an hour must not hold a request, and neither must a head without an end."""
    async with api_site.start(connect_seconds=5) as (one, api):
        for sent, status in (
            (HEAD, 408),
            (b"GET /v1/rooms HTTP/1.1\r\nX: ", 408),
            (b"\x16\x03\x01 not HTTP at all\r\n\r\n", 400),
            (b"GET /v1/rooms HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        ):
            reader, writer = await asyncio.open_connection(HOST, int(api.url.rpartition(":")[2]))
            writer.write(sent)
            answer = await asyncio.wait_for(reader.read(2_000), 60)
            assert answer.startswith(b"HTTP/1.1 %d " % status), sent
            writer.close()
        for route, status in (("publish", 408), ("none", 408), ("none", 400), ("none", 431)):
            assert one.metric(REQUESTS, route=route, status=f"{status}") == 1
    async with api_site.start() as (one, api):
        await honest(one, api)


async def test_while_redis_is_away_clients_are_told_to_come_back(api_site: ApiSite) -> None:
    """A 2xx would promise what nobody can keep. The log has ten lines a second at most."""
    async with api_site.start() as (one, api):
        api_site.site.redis.process.signal(signal.SIGSTOP)
        refused = await api.publish(data=1, key="k")
        assert (refused.status, refused.body["type"]) == (503, "urn:queuecast:problem:redis")
        assert refused.headers["Retry-After"] == "1"
        assert (await api.ask("GET", "/v1/rooms", room="a")).status == 503
        api_site.site.redis.process.signal(signal.SIGCONT)
        await until(one.ready)
        async with asyncio.timeout(60):
            while (again := await api.publish(data=1, key="k")).status != 200:
                pass
        assert again.body["duplicate"] in (True, False)  # Redis may have carried out what it did not confirm
        await honest(one, api)


async def test_replicas_of_redis_have_to_confirm_where_a_setting_wants_it(
    any_redis: RedisServer, tmp_path: Path
) -> None:
    """While the replica hangs nothing is promised, and the same request again is stored once."""
    pair = RedisPair(any_redis, tmp_path)
    site = Site(pair.first)
    try:
        async with ApiSite(site, tmp_path).start(replicas_ack=1) as (one, api), page(one.port) as first:
            async with asyncio.timeout(60):
                while (told := await api.publish(data=1, key="one")).status != 200:
                    pass
            assert pair.second.client.xlen(site.keys.stream) >= 1
            pair.second.process.signal(signal.SIGSTOP)
            refused = await api.publish(data=2, key="two")
            assert (refused.status, refused.body["type"]) == (503, "urn:queuecast:problem:redis")
            pair.second.process.signal(signal.SIGCONT)
            async with asyncio.timeout(60):
                while (told := await api.publish(data=2, key="two")).status != 200:
                    pass
            assert told.body["duplicate"] is True, "the primary had it already"
            assert await first.events(2) == items(1, 2)
    finally:
        pair.second.process.signal(signal.SIGCONT)
        await site.close()
        await pair.close()


async def test_publishers_wait_while_a_gateway_is_behind(api_site: ApiSite) -> None:
    """As pollers do: what cannot be delivered now is safer where it is. Commands go through."""
    async with api_site.start() as (one, api):
        key = api_site.site.keys.behind
        api_site.site.redis.client.set(key, b"1")
        await until_status(api, "shop", 503)
        batch = {"messages": [{"event": "e", "data": 1}]}
        assert (await api.ask("POST", "/v1/publish-batch", batch)).body["type"].endswith(":behind")
        assert (await api.ask("POST", "/v1/disconnect", {"user": "ann"})).status == 200
        api_site.site.redis.client.delete(key)
        await until_status(api, "shop", 200)
        await honest(one, api)
