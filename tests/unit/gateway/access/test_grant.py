"""What a token allows: names and prefixes, never regular expressions. A malformed claim allows nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_bus.names import check_room
from queuecast_gateway.access.grant import (
    EVERY_ROOM,
    MAX_NAMES,
    BadClaims,
    Identity,
    Rooms,
    identity,
    patterns,
)
from queuecast_gateway.access.tokens import MAX_SUBJECT_BYTES

NOTHING = Rooms()


def claims(**more: Any) -> dict[str, Any]:
    """Return claims as `Tokens` returns them."""
    return {"sub": "ann", "exp": 1_000, **more}


def ann(public: Rooms = NOTHING, **more: Any) -> Identity:
    return identity(claims(**more), public, 10)


# Patterns


@pytest.mark.parametrize(
    ("pattern", "room", "allowed"),
    [
        ("news", "news", True),
        ("news", "new", False),
        ("news", "news2", False),
        ("news", "the news", False),
        ("news", "News", False),
        ("sku:*", "sku:7", True),
        ("sku:*", "sku:", True),
        ("sku:*", "sku:7:prices", True),
        ("sku:*", "sku", False),
        ("sku:*", "my-sku:7", False),
        ("sku:*", "sku:*", True),
        ("*", "anything at all", True),
        ("a.c", "abc", False),
        ("a.c", "a.c", True),
        ("^news$", "news", False),
        ("(a|b)", "a", False),
        ("x[ab]", "xa", False),
        (".*", ".hidden", True),
        (".*", "news", False),
        ("sku:?", "sku:7", False),
    ],
)
def test_a_pattern_is_a_name_or_a_prefix(pattern: str, room: str, *, allowed: bool) -> None:
    """It is compared letter by letter, from the first character on: no regular expression is ever run."""
    assert (room in patterns([pattern])) is allowed


names = st.text("ab:.*", min_size=1, max_size=4)


@given(st.lists(names, max_size=4), st.text("ab:.*", min_size=1, max_size=6))
def test_a_room_is_allowed_by_its_name_or_by_a_prefix(listed: list[str], room: str) -> None:
    """Whatever else is listed does not matter."""
    usable = [name for name in listed if "*" not in name[:-1]]
    exact = {name for name in usable if not name.endswith("*")}
    beginnings = [name[:-1] for name in usable if name.endswith("*")]
    allowed = room in exact or any(room[: len(beginning)] == beginning for beginning in beginnings)
    assert (room in patterns(usable)) is allowed


@pytest.mark.parametrize("pattern", ["*a", "a*b", "**", "sku:*:prices", "a**", "*,*"])
def test_a_star_is_allowed_only_at_the_end(pattern: str) -> None:
    """Elsewhere people would expect more of it than it does, so it is an error and not a letter."""
    with pytest.raises(ValueError, match="may only stand at the end"):
        patterns(["news", pattern])


@pytest.mark.parametrize("pattern", ["", " ", "a,b", "a,*", "x" * 257, "x" * 256 + "*", "\ud800", "\ud800*"])
def test_a_pattern_that_no_room_can_match_is_an_error(pattern: str) -> None:
    """Whoever wrote it made a mistake."""
    with pytest.raises(ValueError, match="room"):
        patterns([pattern])


def test_an_empty_list_allows_no_room() -> None:
    """It does not mean every room."""
    assert patterns([]) == NOTHING
    assert "a" not in NOTHING
    assert "" not in NOTHING


@given(st.lists(names, max_size=3), st.lists(names, max_size=3), st.text("ab:.*", min_size=1, max_size=6))
def test_a_union_allows_the_rooms_of_both(one: list[str], other: list[str], room: str) -> None:
    """The public rooms come on top of those of a token."""
    first, second = (patterns([n for n in listed if "*" not in n[:-1]]) for listed in (one, other))
    assert (room in first | second) is (room in first or room in second)


# Claims


def test_a_token_that_names_nothing_allows_nothing() -> None:
    """Except the subject's own room, and the public ones."""
    who = ann(public=patterns(["news"]))
    assert who.joins == ("user:ann",)
    assert [room for room in ("user:ann", "news", "sku:7", "user:bob", "user:") if who.may_join(room)] == [
        "user:ann",
        "news",
    ]
    assert not who.may_relay("item_removed")


def test_a_token_allows_what_it_names() -> None:
    """And nothing else."""
    who = ann(rooms=["sku:*", "news"], relay=["item_removed"])
    assert all(map(who.may_join, ("sku:7", "news", "user:ann")))
    assert not any(map(who.may_join, ("vip", "new", "user:bob")))
    assert who.may_relay("item_removed")
    assert not who.may_relay("item_added")


def test_rooms_that_are_joined_from_the_start_are_allowed() -> None:
    """A page may subscribe to a room that it is in already. Each room is joined once."""
    who = ann(join=["team:red", "team:red", "user:ann"])
    assert who.joins == ("user:ann", "team:red")
    assert who.may_join("team:red")
    assert not who.may_join("team:blue")


def test_a_star_in_a_room_to_join_is_a_letter() -> None:
    """Nobody can be in all rooms with a prefix, and `join` allows no more than the rooms that it joins."""
    who = ann(join=["sku:*"])
    assert not who.may_join("sku:7")


def test_a_star_in_a_subject_is_a_letter() -> None:
    """A user who may choose a name must not get everybody's rooms with it."""
    who = identity({"sub": "*", "exp": 1_000}, NOTHING, 0)
    assert who.joins == ("user:*",)
    assert not who.may_join("user:ann")


@pytest.mark.parametrize("event", ["item_removed", "*", "item_"])
def test_events_are_named_in_full(event: str) -> None:
    """There are few events, and a pattern is one more way to make a mistake."""
    assert ann(relay=[event]).may_relay("item_removed") is (event == "item_removed")


@pytest.mark.parametrize(("exp", "leeway", "expires"), [(1_000, 10, 1_010), (1_000.5, 0, 1_000.5)])
def test_a_session_lasts_as_long_as_its_token_is_accepted(exp: float, leeway: float, expires: float) -> None:
    """If it ended earlier, the browser could connect again with the same token."""
    assert identity(claims(exp=exp), NOTHING, leeway).expires == expires


def test_a_token_names_rights_on_the_live_board() -> None:
    """Nobody is an operator by default, and no token allows what only a setting can."""
    assert ann().operator == frozenset()
    assert ann(operator=["view"]).operator == {"view"}
    assert ann(operator=["view", "send"]).operator == {"view", "send"}
    for name in ("kill", "all", "*"):
        with pytest.raises(BadClaims, match="'operator'"):
            ann(operator=["view", name])


@pytest.mark.parametrize("claim", ["rooms", "join", "relay", "operator"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        "secret",
        "*",
        7,
        True,
        {},
        {"secret": True},
        [7],
        ["news", None],
        [["secret"]],
        [{"secret": 1}],
        [""],
        ["\ud800secret"],
        ["secret" * 50],
        ["a"] * (MAX_NAMES + 1),
    ],
)
def test_a_claim_that_is_not_a_list_of_names_is_refused(claim: str, value: Any) -> None:
    """A half-understood claim would grant what nobody meant. The log names the claim, not its value."""
    with pytest.raises(BadClaims, match=f"'{claim}'") as caught:
        ann(**{claim: value})
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("claim", "name"),
    [("rooms", "a*b"), ("rooms", "a,b"), ("join", "a,b"), ("join", "  "), ("relay", "connect")],
)
def test_an_invalid_name_is_refused(claim: str, name: str) -> None:
    """Even one of many: the rest would be less than was meant, or more."""
    with pytest.raises(BadClaims, match=f"'{claim}'"):
        ann(**{claim: ["fine", name]})


@pytest.mark.parametrize("subject", ["x" * MAX_SUBJECT_BYTES, "ж" * (MAX_SUBJECT_BYTES // 2)])
def test_every_valid_subject_has_its_room(subject: str) -> None:
    """Even the longest: its room may be longer than others, by the common prefix of these rooms."""
    who = identity({"sub": subject, "exp": 1_000}, NOTHING, 0)
    assert who.joins == (f"user:{subject}",)
    assert check_room(who.joins[0])


@pytest.mark.parametrize("subject", ["a,b", "x" * (MAX_SUBJECT_BYTES + 1)])
def test_a_subject_that_cannot_be_part_of_a_room_name_is_refused(subject: str) -> None:
    """It could not have a room of its own."""
    with pytest.raises(BadClaims, match="'sub'"):
        identity({"sub": subject, "exp": 1_000}, NOTHING, 0)


def test_the_largest_number_of_names_is_accepted() -> None:
    """The limit bounds memory, and counts names."""
    who = ann(rooms=[f"sku:{number}" for number in range(MAX_NAMES)])
    assert who.may_join(f"sku:{MAX_NAMES - 1}")


def test_without_a_token_an_open_gateway_allows_everything() -> None:
    """A gateway without tokens limits nothing."""
    anyone = Identity("", EVERY_ROOM)
    assert anyone.may_join("any room")
    assert anyone.may_relay("item_removed")
    assert (anyone.joins, anyone.expires) == ((), None)
