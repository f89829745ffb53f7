import re

from hypothesis import given
from hypothesis import strategies as st

from queuecast_bus.keys import Keys


@given(st.from_regex(r"[^{}\s]+", fullmatch=True), st.text(max_size=60))
def test_all_keys_share_one_hash_tag(channel: str, dedup_id: str) -> None:
    """Redis Cluster runs the append script only if all its keys are in one slot: the first {…} decides."""
    keys = Keys(channel)
    names = (keys.stream, keys.tail, keys.rewound, keys.seen(dedup_id), keys.session(dedup_id))
    assert {_hash_tag(key) for key in names} == {channel}


def test_buses_on_one_redis_have_no_key_in_common() -> None:
    """Staging beside production must not read its records."""
    one, other = Keys("staging"), Keys("production")
    assert {one.stream, one.tail, one.seen("1")}.isdisjoint({other.stream, other.tail, other.seen("1")})


def test_an_id_from_outside_cannot_name_another_key() -> None:
    """Message ids and private session ids come from outside, and must not overwrite the stream."""
    keys = Keys()
    for made in (keys.seen, keys.session, keys.inbox):
        assert made("") not in (keys.stream, keys.tail, keys.rewound)
        assert made("1") != made("2")
    assert len({keys.seen("1"), keys.session("1"), keys.inbox("1")}) == 3


def test_the_default_channel_hears_the_default_key_of_nodes_emitters() -> None:
    """Nobody has to set a key. Another bus on the same Redis hears emitters that name it, and no others."""
    assert Keys().emitter_patterns == ("socket.io#*", "socket.io-request#*")
    assert Keys("shop").emitter_patterns == ("shop#*", "shop-request#*")


def test_a_channels_name_is_no_pattern() -> None:
    """A bus named `*` would hear the emitters of all others."""
    assert Keys(r"a*[b]\?").emitter_patterns[0] == r"a\*\[b\]\\\?#*"


def _hash_tag(key: str) -> str:
    found = re.search(r"\{(.+?)\}", key)
    assert found is not None
    return found.group(1)
