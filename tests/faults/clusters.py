"""What happens to a Redis Cluster, one function each. In the end every primary has its replica again."""

from tests.faults.stack import KEY
from tests.faults.strikes import Scene


def fails_over(scene: Scene) -> None:
    """`CLUSTER FAILOVER`, as for an upgrade: the primary hands over to its replica."""
    scene.stack.cluster.fail_over(KEY)
    scene.stack.cluster.await_whole()


def the_primary_is_killed(scene: Scene) -> None:
    """The other primaries elect its replica, and it comes back as a replica of that one."""
    stack = scene.stack
    stack.owner.end()
    stack.cluster.await_primary(stack.successor)
    scene.sender.goes_on(2)
    stack.owner.start()
    stack.cluster.await_whole()


def the_slot_migrates(scene: Scene) -> None:
    """Key by key, as `redis-cli --cluster reshard` does it, while messages go on coming."""
    scene.stack.cluster.migrate(KEY, scene.stack.successor)
