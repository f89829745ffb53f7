import re

from hypothesis import given
from hypothesis import strategies as st

from queuecast_bus.keys import Keys


@given(st.from_regex(r"[^{}\s]+", fullmatch=True), st.text(max_size=60))
def test_all_keys_share_one_hash_tag(channel: str, dedup_id: str) -> None:
    """Redis Cluster runs the append script only if all its keys are in one slot: the first {…} decides."""
    keys = Keys(channel)
    tags = {_hash_tag(key) for key in (keys.stream, keys.tail, keys.seen(dedup_id))}
    assert tags == {channel}


def test_buses_on_one_redis_have_no_key_in_common() -> None:
    """Staging beside production must not read its records."""
    one, other = Keys("staging"), Keys("production")
    assert {one.stream, one.tail, one.seen("1")}.isdisjoint({other.stream, other.tail, other.seen("1")})


def test_a_dedup_id_cannot_name_another_key() -> None:
    """A message id comes from outside; it must not overwrite the stream."""
    keys = Keys()
    assert keys.seen("") not in (keys.stream, keys.tail)
    assert keys.seen("1") != keys.seen("2")


def _hash_tag(key: str) -> str:
    found = re.search(r"\{(.+?)\}", key)
    assert found is not None
    return found.group(1)
