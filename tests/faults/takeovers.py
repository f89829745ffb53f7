"""How another Redis takes over, one function each. In the end the old primary is a replica of the new one."""

import signal

from tests.claims import eventually
from tests.faults.service import Service
from tests.faults.strikes import Scene

from queuecast_local.ports import HOST

PARTITION_SECONDS = 8
LAG_SECONDS = 15
"""Longer than a gateway waits for what its replica lacks."""
LATER_SECONDS = 7.5
TAKE_OVER_SECONDS = 60.0


def a_partition_has_two_primaries(scene: Scene) -> None:
    """The poller and the old primary on one side, the gateways and the promoted replica on the other."""
    stack = scene.stack
    stack.standby.promote()
    for name in stack.gateway_names:
        stack.network.lead(name, stack.standby.port)
        stack.network.cut(name)
    scene.sender.goes_on(PARTITION_SECONDS)
    stack.network.lead(stack.poller_name, stack.standby.port)
    _follow(scene)


def a_name_moves(scene: Scene) -> None:
    """As DNS, a Service or a TCP proxy do it: connections to the old primary stay open."""
    stack = scene.stack
    stack.standby.promote()
    stack.redis.follow(stack.standby)
    scene.sender.goes_on(2)
    for name in (stack.poller_name, *stack.gateway_names):
        stack.network.lead(name, stack.standby.port)
    _follow(scene)


def sentinels_fail_over(scene: Scene) -> None:
    """Meanwhile the old primary works and takes what it is given, until the sentinels demote it."""
    scene.stack.sentinels.fail_over()
    _await_take_over(scene)


def sentinels_fail_over_and_a_gateway_reconnects_later(scene: Scene) -> None:
    """The connections of one gateway drop while others still are at the old primary."""
    scene.stack.sentinels.fail_over()
    scene.sender.goes_on(LATER_SECONDS)
    drop_connections(scene, scene.stack.gateways[0])
    _await_take_over(scene)


def the_primary_is_killed(scene: Scene) -> None:
    """The sentinels promote the replica, and the old primary comes back as a replica."""
    scene.stack.redis.end(signal.SIGKILL)
    scene.stack.sentinels.await_primary(scene.stack.standby.port)
    scene.sender.goes_on(2)
    scene.stack.redis.start()
    _await_take_over(scene)


def the_replica_lags_behind(scene: Scene) -> None:
    """It answers, but its primary's records do not reach it for a while."""
    stack = scene.stack
    stack.standby.client.replicaof(HOST, stack.replica_name)
    eventually(stack.standby.is_linked, TAKE_OVER_SECONDS)
    stack.network.silence_redis(stack.replica_name)
    scene.sender.goes_on(LAG_SECONDS)
    stack.network.heal_redis()
    stack.standby.follow(stack.redis)
    eventually(lambda: stack.standby.is_copy_of(stack.redis), TAKE_OVER_SECONDS)


def drop_connections(scene: Scene, service: Service) -> None:
    """Have each Redis close its connections to this service."""
    ports = service.local_ports()
    for store in scene.stack.stores:
        for each in store.client.client_list():
            if int(each["addr"].rpartition(":")[2]) in ports:
                store.client.client_kill_filter(_id=each["id"])


def _follow(scene: Scene) -> None:
    stack = scene.stack
    stack.redis.follow(stack.standby)
    eventually(lambda: stack.redis.is_copy_of(stack.standby), TAKE_OVER_SECONDS)


def _await_take_over(scene: Scene) -> None:
    stack = scene.stack
    stack.sentinels.await_primary(stack.standby.port)
    eventually(lambda: stack.redis.is_copy_of(stack.standby), TAKE_OVER_SECONDS)
