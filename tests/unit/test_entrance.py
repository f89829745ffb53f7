"""The way into a namespace, with a token: who comes in, in which rooms, and what is left when they go."""

import asyncio
import gc
import json
import logging
from collections.abc import Callable
from types import CoroutineType, FrameType
from typing import Any, NamedTuple

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.browser import Browser, connect, make_server, residue
from tests.unit.fakes import FakeClock, FakeSessions, Figures
from tests.unit.replica import entry
from tests.unit.turns import Loop

from queuecast_bus import Batch
from queuecast_gateway.access.grant import patterns
from queuecast_gateway.access.guard import TokenGuard
from queuecast_gateway.access.tokens import BadToken, Key, Verified
from queuecast_gateway.engine.frames import POLICY, TRY_AGAIN_LATER
from queuecast_gateway.engine.heartbeat import TICK_SECONDS
from queuecast_gateway.entrance import EXPIRED
from queuecast_gateway.limits.tries import Tries
from queuecast_gateway.server import SocketServer
from queuecast_gateway.session_state import State
from queuecast_gateway.sessions import Claimed

NOW = 1_000_000.0
STOLEN = "stolen"
REFUSED = '{"message":"Not authorised","data":{"code":"unauthorized"}}'


class FakeTokens:
    """`queuecast_gateway.access.tokens.Tokens` that reads a token's claims from itself, as JSON.

    What is no JSON has a bad signature. A check waits for `going_on`; while `away` there are no keys.
    """

    def __init__(self) -> None:
        self.away = False
        self.checked = 0
        self.key: Key = b"the key of all tokens"
        self.going_on = asyncio.Event()
        self.going_on.set()

    async def verify(self, token: Any) -> Verified:
        self.checked += 1
        await self.going_on.wait()
        if self.away:
            raise BadToken("keys_unavailable", "nobody answers")
        if token is None:
            raise BadToken("missing", "there is none")
        try:
            found: dict[str, Any] = json.loads(token)
        except (TypeError, ValueError):
            raise BadToken("signature", "it was told so") from None
        return Verified(found, self.key)


def token(subject: str = "ann", *, exp: float = NOW + 600, **claims: Any) -> str:
    return json.dumps({"sub": subject, "exp": exp, **claims})


class Gate(NamedTuple):
    """A gateway that asks for tokens, and what it keeps of its browsers."""

    server: SocketServer
    tokens: FakeTokens
    sessions: FakeSessions
    clock: FakeClock
    loop: Loop
    figure: Figures

    def rooms(self, sid: str, namespace: str = "/") -> list[str]:
        return sorted(room for room in self.server.rooms(sid, namespace) if room != sid)

    def pass_by(self, seconds: float) -> None:
        """Let this time pass, by the clock and then by the wheel."""
        self.clock.pass_by(seconds)
        self.loop.turn(round(seconds / TICK_SECONDS))

    async def leave(self, *browsers: Browser) -> None:
        """End these connections: afterwards nothing may be kept of them."""
        for browser in browsers:
            browser.session.connection_lost(None)
            await browser.settle()
        assert residue(self.server) == {}
        assert len(self.server.entrance.people._tally) == 0


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Gate]:
    loop = Loop()
    loop.drive(monkeypatch)

    def gate(most_tries: int = 0, **options: Any) -> Gate:
        tokens, sessions, registry = FakeTokens(), FakeSessions(), CollectorRegistry()
        verifier: Any = tokens
        guard = TokenGuard(verifier, Tries(most_tries, 60), patterns(["news"]), 0)
        # No ping falls into a test: nobody would answer it.
        options |= {"ping_interval_seconds": 10_000, "stream_max_seconds": 86_400}
        server = make_server(registry, sessions, guard, **options)
        clock = server.entrance.people.now = FakeClock(NOW)
        return Gate(server, tokens, sessions, clock, loop, Figures(registry, "queuecast_gateway"))

    return gate


@pytest.fixture
def gate(make: Callable[..., Gate]) -> Gate:
    return make()


# Being let in


async def test_who_has_a_good_token_comes_in_with_its_rooms(gate: Gate) -> None:
    """Its own and those of the token, without asking: what is for them may come in the same moment."""
    browser = Browser(gate.server)
    sid = await browser.joined(token=token(join=["team:red"]))
    assert gate.rooms(sid) == ["team:red", "user:ann"]
    assert gate.server.identity(sid, "/").subject == "ann"
    await gate.leave(browser)


async def test_rooms_are_entered_before_the_connect_is_answered(gate: Gate) -> None:
    """A connect handler sees the rooms, and an event for them is not missed between it and the answer."""
    seen: list[list[str]] = []

    async def come(sid: str, environ: Any, auth: Any = None) -> None:
        seen.append(gate.rooms(sid))
        await gate.server.manager.emit("hello", 1, namespace="/", room="user:ann", ignore_queue=True)

    gate.server.on("connect", come, "/")
    browser = Browser(gate.server)
    await browser.says(connect(token=token()))
    assert seen == [["user:ann"]]
    assert [text[:2] for text in browser.texts] == ["40", "42", "42"]
    assert browser.texts[-1] == '42["hello",1,"0-0"]'
    await gate.leave(browser)


@pytest.mark.parametrize(
    ("shown", "fault"),
    [
        ({}, "missing"),
        ({"token": None}, "missing"),
        ({"token": STOLEN}, "signature"),
        ({"token": '{"sub":"a,b","exp":9e9}'}, "claims"),
        ({"token": [STOLEN]}, "signature"),
        ({"token": '{"sub":"ann","exp":9e9,"rooms":"all"}'}, "claims"),
        ({"Token": STOLEN}, "missing"),
    ],
)
async def test_who_has_none_is_told_so_and_no_more(gate: Gate, shown: dict[str, Any], fault: str) -> None:
    """`connect_error` of the stock client, with a code for the page; the metric and the log know why."""
    browser = Browser(gate.server)
    await browser.says(connect(**shown))
    assert browser.texts == [f"44{REFUSED}"]
    assert browser.close_code is None, "it may try again with another token"
    assert gate.figure("connects_refused_total", reason=fault) == 1
    assert gate.figure.sum("connects_refused_total") == 1
    await gate.leave(browser)


async def test_a_refusal_is_told_in_its_namespace(gate: Gate) -> None:
    """The others of the same connection go on, each with a token of its own."""
    browser = Browser(gate.server)
    sid = await browser.joined(token=token())
    await browser.says(connect("/shop", token=STOLEN))
    assert browser.texts == [f"44/shop,{REFUSED}"]
    browser.transport.written.clear()
    other = await browser.joined("/shop", token=token("bob"))
    assert gate.server.identity(sid, "/").subject == "ann"
    assert gate.server.identity(other, "/shop").subject == "bob"
    assert (gate.rooms(sid), gate.rooms(other, "/shop")) == (["user:ann"], ["user:bob"])
    await gate.leave(browser)


async def test_who_was_refused_may_come_with_another_token(gate: Gate) -> None:
    """The page asks its backend for a new one, over the same connection."""
    browser = Browser(gate.server)
    await browser.says(connect(token=STOLEN))
    browser.transport.written.clear()
    sid = await browser.joined(token=token())
    assert gate.rooms(sid) == ["user:ann"]
    await gate.leave(browser)


async def test_who_leaves_a_namespace_may_come_back_as_somebody_else(gate: Gate) -> None:
    """Signing out and in again: nothing of the first identity stays."""
    browser = Browser(gate.server)
    first = await browser.joined(token=token(join=["team:red"]))
    await browser.says("1")
    assert len(gate.server.entrance.people) == 0
    second = await browser.joined(token=token("bob"))
    assert first != second
    assert gate.rooms(second) == ["user:bob"]
    await gate.leave(browser)


async def test_what_was_refused_is_logged_without_the_token(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """The line says why, which the browser is not told; logs are read by more people than tokens are for."""
    caplog.set_level(logging.DEBUG)
    browser = Browser(gate.server)
    await browser.says(connect(token=STOLEN), connect(token=token(rooms=["secret*room"])))
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("queuecast")]
    assert [line.rpartition("may not join: ")[2] for line in ours] == [
        "signature: it was told so",
        "the claim 'rooms' has a name that cannot be used",
    ]
    assert STOLEN not in caplog.text
    assert "secret" not in caplog.text


async def test_who_tries_too_often_is_told_to_wait(make: Callable[..., Gate]) -> None:
    """With a code of its own, so that a page does not fetch one token after another."""
    gate = make(most_tries=2)
    browser, other = Browser(gate.server), Browser(gate.server)
    browser.session.address = other.session.address = "192.0.2.1"
    await browser.says(*[connect(token=STOLEN)] * 3)
    assert json.loads(browser.texts[-1][2:])["data"] == {"code": "too_many_tries"}
    assert gate.figure("connects_refused_total", reason="too_many_tries") == 1
    assert browser.close_code == POLICY, "the next guess costs another connection"
    assert gate.figure("events_refused_total", reason="tries") == 1
    await other.joined(token=token())
    await gate.leave(browser, other)


async def test_who_has_joined_is_not_cut_off_for_a_guess(make: Callable[..., Gate]) -> None:
    """In another namespace of the same connection, whose address may be that of many."""
    gate = make(most_tries=1)
    browser = Browser(gate.server)
    await browser.joined(token=token())
    await browser.says(*[connect("/shop", token=STOLEN)] * 2)
    assert "too_many_tries" in browser.texts[-1]
    assert browser.close_code is None
    await gate.leave(browser)


async def test_an_identity_has_so_many_sessions(make: Callable[..., Gate]) -> None:
    """In all namespaces; when one goes, another may come."""
    gate = make(max_connections_per_identity=2)
    one, other = Browser(gate.server), Browser(gate.server)
    await one.joined(token=token())
    await one.joined("/shop", token=token())
    await other.says(connect(token=token()))
    (text,) = other.texts
    assert json.loads(text[2:])["data"] == {"code": "too_many_connections"}
    assert gate.figure("connects_refused_total", reason="too_many_connections") == 1
    other.transport.written.clear()
    await other.joined(token=token("bob"))
    await one.says("1/shop,")
    await other.joined("/shop", token=token())
    await gate.leave(one, other)


async def test_a_token_is_neither_kept_nor_handed_on(gate: Gate) -> None:
    """Once it is checked it is of no use here, and would open everything to whoever reads the memory."""
    seen: list[Any] = []

    async def come(sid: str, environ: Any, auth: Any = None) -> None:
        seen.append(auth)

    gate.server.on("connect", come, "/")
    mark = f"mark-{id(gate)}"
    browser = Browser(gate.server)
    sid = await browser.joined(token=token(mark=mark), theme="dark")
    await gate.server.renew(sid, "/", token(mark=mark))
    assert seen == [{"theme": "dark"}]
    assert times_held(mark) == 0
    assert times_held(sid) > 0, "what is kept is found"
    await gate.leave(browser)


def times_held(text: str) -> int:
    """Return how often a text with this in it is held, but for the calls that are under way."""
    times = 0
    for holder in gc.get_objects():
        if not isinstance(holder, FrameType | CoroutineType):
            for held in gc.get_referents(holder):
                times += type(held) is str and text in held
    return times


async def test_while_there_are_no_keys_a_browser_comes_back_later(gate: Gate) -> None:
    """Its token may be good: it is not told otherwise, which would end its page's session."""
    gate.tokens.away = True
    browser = Browser(gate.server)
    await browser.says(connect(token=token()))
    assert browser.texts == []
    assert browser.close_code == TRY_AGAIN_LATER == 1013
    assert gate.figure("connects_refused_total", reason="keys_unavailable") == 1
    assert gate.figure.sum("connects_refused_total") == 1
    assert gate.figure("disconnects_total", reason="leaving") == 1
    await gate.leave(browser)


async def test_an_unknown_namespace_asks_for_no_token(gate: Gate) -> None:
    """There is nothing that it could open."""
    browser = Browser(gate.server)
    await browser.says(connect("/nowhere", token=STOLEN))
    assert browser.texts == ['44/nowhere,{"message":"Invalid namespace"}']
    assert gate.tokens.checked == 0
    await gate.leave(browser)


async def test_the_board_asks_for_a_token_too(gate: Gate) -> None:
    """It shows how the gateway is, and what is delivered."""
    browser = Browser(gate.server)
    await browser.says(connect("/board"))
    assert browser.texts == [f"44/board,{REFUSED}"]
    browser.transport.written.clear()
    await browser.joined("/board", token=token())
    await gate.leave(browser)


# Ends at every moment


async def test_who_leaves_while_its_token_is_checked_is_nobody(gate: Gate) -> None:
    """Keys may take seconds to be fetched, and browsers go meanwhile."""
    gate.tokens.going_on.clear()
    browser = Browser(gate.server)
    browser.session.receive("4" + connect(token=token(join=["team:red"]), pid="pid", offset="0-0"))
    await asyncio.sleep(0)
    browser.session.connection_lost(None)
    gate.tokens.going_on.set()
    await gate.leave(browser)
    assert gate.figure.sum("recoveries_total") == 0, "its session is not taken over for nobody"


async def test_who_leaves_while_its_bad_token_is_checked_is_nobody(gate: Gate) -> None:
    """Nothing is written to who has gone; that it was a try counts all the same."""
    gate.tokens.going_on.clear()
    browser = Browser(gate.server)
    browser.session.receive("4" + connect(token=STOLEN))
    await asyncio.sleep(0)
    browser.session.connection_lost(None)
    browser.transport.written.clear()
    gate.tokens.going_on.set()
    await gate.leave(browser)
    assert browser.texts == []
    assert gate.figure("connects_refused_total", reason="signature") == 1


async def test_who_leaves_while_its_session_is_claimed_is_nobody(gate: Gate) -> None:
    """It was counted already, and has to be uncounted."""
    gate.sessions.going_on.clear()
    browser = Browser(gate.server)
    browser.session.receive("4" + connect(token=token(), pid="pid", offset="0-0"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(gate.server.entrance.people) == 1
    browser.session.connection_lost(None)
    gate.sessions.going_on.set()
    await gate.leave(browser)


async def test_a_session_that_cannot_be_claimed_now_holds_no_place(make: Callable[..., Gate]) -> None:
    """Redis is away: the browser comes back later, perhaps to this replica."""
    gate = make(max_connections_per_identity=1)
    gate.sessions.away = True
    for _ in range(3):
        browser = Browser(gate.server)
        await browser.says(connect(token=token(), pid="pid", offset="0-0"))
        assert browser.close_code == TRY_AGAIN_LATER
        await gate.leave(browser)
    assert gate.figure("connects_refused_total", reason="bus_unavailable") == 3
    assert gate.figure.sum("connects_refused_total") == 3


@pytest.mark.parametrize("answer", [False, ZeroDivisionError()])
async def test_who_is_refused_by_a_connect_handler_is_nobody(gate: Gate, answer: Any) -> None:
    """The application has its own reasons, or its own faults."""

    async def come(sid: str, environ: Any, auth: Any = None) -> bool:
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    gate.server.on("connect", come, "/")
    browser = Browser(gate.server)
    await browser.says(connect(token=token()))
    assert browser.texts[-1].startswith("44")
    assert len(gate.server.entrance.people) == 0
    await gate.leave(browser)


# Coming back


def known(*rooms: str, subject: str = "ann", offset: str = "100-0") -> Claimed:
    return Claimed(
        State("sid:AAAAAAAAAAAAAAAAAAAA", "/", dict.fromkeys(rooms, offset), offset, subject),
        "",
        "103-0",
        "0-0",
    )


@pytest.fixture
def gate_with_history(gate: Gate) -> Gate:
    """It has read three records, for two rooms and for everyone."""
    history = gate.server.manager.history
    history.add(Batch("100-0"))
    history.add(Batch("103-0", (entry("101-0", "sku:1"), entry("102-0", "vip"), entry("103-0"))))
    return gate


async def test_who_comes_back_is_in_the_rooms_that_its_token_allows_now(gate_with_history: Gate) -> None:
    """A right that was taken away meanwhile ends with the absence, and nothing of that room is replayed."""
    gate = gate_with_history
    gate.sessions.known["pid"] = known("sku:1", "vip", "user:ann", "team:red")
    browser = Browser(gate.server)
    await browser.says(connect(token=token(rooms=["sku:*"], join=["team:blue"]), pid="pid", offset="100-0"))
    assert gate.server.manager.sid_from_eio_sid(browser.session.sid, "/") == "sid:AAAAAAAAAAAAAAAAAAAA"
    assert gate.rooms("sid:AAAAAAAAAAAAAAAAAAAA") == ["sku:1", "team:blue", "user:ann"]
    assert [text for text in browser.texts if '"e"' in text] == [
        '42["e",101,"101-0"]',
        '42["e",103,"103-0"]',
    ]
    pid, _, state = gate.sessions.said[-1]
    assert (pid, sorted(state.rooms), state.subject) == ("pid", ["sku:1", "team:blue", "user:ann"], "ann")
    assert gate.figure("recoveries_total", outcome="recovered") == 1
    await gate.leave(browser)


async def test_who_comes_back_keeps_all_that_is_still_allowed(gate_with_history: Gate) -> None:
    """With the same token as before nothing changes."""
    gate = gate_with_history
    gate.sessions.known["pid"] = known("sku:1", "vip")
    browser = Browser(gate.server)
    await browser.says(connect(token=token(rooms=["*"]), pid="pid", offset="100-0"))
    assert gate.rooms("sid:AAAAAAAAAAAAAAAAAAAA") == ["sku:1", "user:ann", "vip"]
    assert len([text for text in browser.texts if '"e"' in text]) == 3
    await gate.leave(browser)


@pytest.mark.parametrize("subject", ["bob", ""])
async def test_nobody_comes_back_as_somebody_else(gate_with_history: Gate, subject: str) -> None:
    """A private id that was found in somebody's browser opens nothing with another token, and stays good."""
    gate = gate_with_history
    gate.sessions.known["pid"] = known("vip", subject=subject)
    browser = Browser(gate.server)
    sid = await browser.joined(token=token(rooms=["*"]), pid="pid", offset="100-0")
    assert sid != "sid:AAAAAAAAAAAAAAAAAAAA"
    assert gate.rooms(sid) == ["user:ann"]
    assert gate.figure("recoveries_total", outcome="unknown") == 1
    assert "pid" not in [pid for pid, *_ in gate.sessions.said]
    await gate.leave(browser)


async def test_a_private_id_without_a_token_opens_nothing(gate_with_history: Gate) -> None:
    """It is no credential: who has no token is refused before the session is asked for."""
    gate = gate_with_history
    gate.sessions.known["pid"] = known("vip")
    gate.sessions.going_on.clear()
    browser = Browser(gate.server)
    await browser.says(connect(pid="pid", offset="100-0"))
    assert browser.texts == [f"44{REFUSED}"]
    await gate.leave(browser)


# The end of a token


async def test_a_browser_is_told_that_its_token_ends(gate: Gate) -> None:
    """It alone, in that namespace, with the seconds that are left."""
    browser, other = Browser(gate.server), Browser(gate.server)
    await browser.joined("/shop", token=token(exp=NOW + 30))
    await other.joined("/shop", token=token("bob"))
    gate.pass_by(TICK_SECONDS)
    await asyncio.sleep(0)
    for each in (browser, other):
        await each.settle()
    assert browser.texts == ['42/shop,["token_expiring",{"expires_in":30},"0-0"]']
    assert other.texts == []
    await gate.leave(browser, other)


async def test_a_connection_ends_with_its_token_and_its_session_may_come_back(gate: Gate) -> None:
    """The stock client comes back by itself, with a new token and to what it missed."""
    browser = Browser(gate.server)
    await browser.joined(token=token(exp=NOW + 30, rooms=["sku:*"]))
    (pid, *_), *_ = gate.sessions.said
    gate.pass_by(29)
    assert browser.close_code is None
    gate.pass_by(2)
    assert browser.close_code == EXPIRED == 4001
    await browser.settle()
    assert gate.figure("disconnects_total", reason="token_expired") == 1
    assert gate.sessions.verbs(pid) == ["save", "left"], "not dropped"
    await gate.leave(browser)


async def test_a_connection_ends_with_the_first_of_its_tokens(gate: Gate) -> None:
    """What was opened with the others comes back with it: they are one connection."""
    browser = Browser(gate.server)
    await browser.joined(token=token())
    await browser.joined("/shop", token=token(exp=NOW + 5))
    gate.pass_by(6)
    assert browser.close_code == EXPIRED
    await gate.leave(browser)


async def test_a_token_that_ends_after_its_connection_ends_nothing(gate: Gate) -> None:
    """There may be somebody else by then."""
    browser = Browser(gate.server)
    await browser.joined(token=token(exp=NOW + 5))
    await gate.leave(browser)
    gate.pass_by(10)
    assert gate.figure("disconnects_total", reason="token_expired") == 0


# Going on with another token


async def test_a_session_goes_on_with_another_token(gate: Gate) -> None:
    """Its end moves; the identity is what the new one says."""
    browser = Browser(gate.server)
    sid = await browser.joined(token=token(exp=NOW + 5))
    who = await gate.server.renew(sid, "/", token(exp=NOW + 900, rooms=["vip"]))
    assert gate.server.identity(sid, "/") is who
    assert who.may_join("vip")
    gate.pass_by(600)
    assert browser.close_code is None
    await gate.leave(browser)


@pytest.mark.parametrize(("shown", "fault"), [(STOLEN, "signature"), (token("bob"), "claims")])
async def test_a_session_does_not_go_on_with_a_bad_one(gate: Gate, shown: str, fault: str) -> None:
    """Nor with somebody else's. It stays what it was until its own ends."""
    browser = Browser(gate.server)
    sid = await browser.joined(token=token())
    handled: list[Any] = []

    async def refresh(sid: str, shown: str) -> None:
        try:
            await gate.server.renew(sid, "/", shown)
        except Exception as exc:
            handled.append(exc)

    gate.server.on("refresh", refresh, "/")
    await browser.says(f"2{json.dumps(['refresh', shown])}")
    (why,) = handled
    assert (why.code, why.fault) == ("unauthorized", fault)
    assert gate.figure("connects_refused_total", reason=fault) == 1
    assert gate.server.identity(sid, "/").subject == "ann"
    assert browser.close_code is None
    await gate.leave(browser)


async def test_a_session_is_never_refused_for_its_addresss_guesses(make: Callable[..., Gate]) -> None:
    """Somebody else's at the same proxy; its own are counted too, and it hears that they are bad."""
    gate = make(most_tries=2)
    browser, other = Browser(gate.server), Browser(gate.server)
    browser.session.address = other.session.address = "192.0.2.1"
    sid = await browser.joined(token=token())
    for _ in range(4):
        with pytest.raises(Exception, match="Not authorised"):
            await gate.server.renew(sid, "/", STOLEN)
    assert (await gate.server.renew(sid, "/", token())).subject == "ann"
    await other.says(connect(token=STOLEN))
    assert json.loads(other.texts[0][2:])["data"] == {"code": "too_many_tries"}
    await gate.leave(browser, other)


# Keys that are withdrawn


async def test_sessions_end_with_the_key_of_their_token(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    """Those alone, and one that has shown another token since is spared; all may come back."""
    one, two, both, nobody = (Browser(gate.server) for _ in range(4))
    await one.joined(token=token())
    await two.joined(token=token("bob"))
    sid = await both.joined("/shop", token=token("eve"))
    gate.tokens.key = b"the next key"
    await nobody.joined("/shop", token=token("new"))
    ending = asyncio.ensure_future(gate.server.entrance.end_without([b"the next key"], 0.0))
    await gate.server.renew(sid, "/shop", token("eve"))
    await ending
    assert [each.close_code for each in (one, two, both, nobody)] == [EXPIRED, EXPIRED, None, None]
    for each in (one, two):
        await each.settle()
    assert gate.figure("disconnects_total", reason="key_withdrawn") == 2
    assert "the keys of their tokens were withdrawn" in caplog.text
    (pid, *_), *_ = gate.sessions.said
    assert gate.sessions.verbs(pid) == ["save", "left"], "not dropped"
    await gate.server.entrance.end_without([b"the next key"], 0.0)
    await gate.leave(one, two, both, nobody)


async def test_a_session_that_has_gone_may_nothing(gate: Gate) -> None:
    """Its last words may be worked on after it has left."""
    browser = Browser(gate.server)
    sid = await browser.joined(token=token(rooms=["*"], relay=["item_removed"]))
    await gate.leave(browser)
    who = gate.server.identity(sid, "/")
    assert not who.may_join("vip")
    assert not who.may_relay("item_removed")
