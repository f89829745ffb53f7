"""What is done to the cluster under load, one function each. It returns when it has ended."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.claims import eventually
from tests.cluster.autoscaler import SCALED, Autoscaler
from tests.cluster.services import GATEWAY, NAMESPACE, POLLER, REDIS, SERVICES, Pod, Services
from tests.faults.residue import CONNECTIONS
from tests.faults.sender import Sender

FEW, MANY = 2, 4
DRAINED = 1
"""The node that is drained, by its place."""

BETWEEN_SECONDS = 2.0
WITHIN_SECONDS = 600.0
LEAST_COST = -1_000_000
"""The deletion cost of a gateway without connections."""

UNTOLD = 10
"""The change of connections that a gateway keeps to itself: less than ten, or than a tenth."""

GAPS, ENDS = "queuecast_gateway_bus_gaps_total", "queuecast_gateway_disconnects_total"

DNS_SECONDS = 30.0

FALLBACK = 4
"""The pods of each service that the component has without Prometheus."""


@dataclass(frozen=True)
class Scene:
    """What there is to act on. `troubles` takes what went wrong besides the books."""

    services: Services
    autoscaler: Autoscaler | None
    sender: Sender
    clients: int
    troubles: list[str]


@dataclass(frozen=True)
class Row:
    """A row of the table. `may_tell`: events may be lost if clients are told; `gateways`: how many there are
    before it, and pollers; `needs_keda`: KEDA is installed before it; `prepare`: done before the load.
    """

    name: str
    strike: Callable[[Scene], None]
    does: str
    may_tell: bool = False
    gateways: int = FEW
    needs_keda: bool = False
    prepare: Callable[[Services], None] | None = None


def nothing(scene: Scene) -> None:
    scene.sender.goes_on(BETWEEN_SECONDS)


def scaled_out(scene: Scene) -> None:
    for name in SERVICES:
        scene.services.scale(name, MANY)
    scene.services.settle(*SERVICES)


def scaled_in(scene: Scene) -> None:
    """Remove one gateway after another: each time the one with the fewest connections has to go."""
    services = scene.services
    services.scale(POLLER, FEW)
    for replicas in range(MANY - 1, FEW - 1, -1):
        pods = eventually(lambda: _costed(services), WITHIN_SECONDS)
        services.scale(GATEWAY, replicas)
        leaving = eventually(lambda: [pod for pod in services.gateways if not pod.running])
        cheapest = min(pod.cost or 0 for pod in pods)
        gone = {pod.cost for pod in pods if pod.name in {each.name for each in leaving}}
        if gone != {cheapest}:
            costs = sorted(pod.cost or 0 for pod in pods)
            scene.troubles.append(f"of the costs {costs} the gateway with {sorted(map(str, gone))} left")
        services.settle(*SERVICES)


def restarted(scene: Scene) -> None:
    scene.services.restart(*SERVICES)


def spread(services: Services) -> None:
    """Have a gateway on the node that is drained: a scale-in may have left all on the other one."""
    gateways = {pod.node for pod in services.gateways if pod.running}
    if services.cluster.nodes[DRAINED].name not in gateways:
        services.restart(GATEWAY)


def drained(scene: Scene) -> None:
    """Drain a node, with what the base lets be disrupted at a time, and let pods on it again."""
    services = scene.services
    node = services.cluster.nodes[DRAINED].name
    if {pod.name for pod in _on(services, node)}.isdisjoint(pod.name for pod in services.gateways):
        scene.troubles.append(f"no gateway was on {node}")
    kubectl = services.cluster.kubectl
    options = ("--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={WITHIN_SECONDS:.0f}s")
    try:
        kubectl.run("drain", node, *options)
        if left := _on(services, node):
            scene.troubles.append(f"{len(left)} pods are still on {node}")
        services.settle(*SERVICES)
    finally:
        kubectl.run("uncordon", node)


def redis_deleted(scene: Scene) -> None:
    """Delete the pod of Redis, which comes back without any data; then every client has to start anew."""
    services = scene.services
    gaps, ends = _sum(services.gateways, GAPS, reason="rewound"), _sum(services.gateways, ENDS)
    kubectl = services.cluster.kubectl
    kubectl.run("--namespace", NAMESPACE, "delete", "pod", f"--selector=app.kubernetes.io/name={REDIS}")
    services.settle(REDIS, *SERVICES)
    eventually(lambda: _sum(services.gateways, GAPS, reason="rewound") > gaps, WITHIN_SECONDS)
    eventually(lambda: _sum(services.gateways, ENDS) >= ends + scene.clients, WITHIN_SECONDS)


def names_unreachable(scene: Scene) -> None:
    """Drop every question to DNS, and meanwhile delete a pod of each service.

    A new pod cannot find Redis before DNS is back, and has to wait for it without being ready.
    """
    services = scene.services
    rules = [(node, protocol) for node in services.cluster.nodes for protocol in ("udp", "tcp")]

    def each_node(change: str) -> None:
        for node, protocol in rules:
            node.inside(*f"iptables --wait {change} FORWARD -p {protocol} --dport 53 -j DROP".split())

    before = {pod.name for pod in (*services.gateways, *services.pollers)}

    def new() -> list[Pod]:
        pods = (*services.gateways, *services.pollers)
        return [pod for pod in pods if pod.name not in before and pod.running]

    each_node("-I")
    try:
        services.delete(services.gateways[0], services.pollers[0])
        eventually(lambda: len(new()) == len(SERVICES), WITHIN_SECONDS)
        scene.sender.goes_on(DNS_SECONDS)
        if early := [pod.name for pod in new() if pod.ready]:
            scene.troubles.append(f"ready without DNS: {early}")
    finally:
        each_node("-D")
    services.settle(*SERVICES)


def prometheus_away(scene: Scene) -> None:
    """Take Prometheus away: KEDA falls back to more pods than there are, and never to fewer."""
    autoscaler, services = scene.autoscaler, scene.services
    assert autoscaler is not None
    autoscaler.prometheus(0)
    eventually(lambda: autoscaler.fallbacks() == dict.fromkeys(SCALED, "True"), WITHIN_SECONDS)
    eventually(lambda: {len(services.gateways), len(services.pollers)} == {FALLBACK}, WITHIN_SECONDS)
    services.settle(*SERVICES)
    autoscaler.prometheus(1)
    eventually(lambda: autoscaler.fallbacks() == dict.fromkeys(SCALED, "False"), WITHIN_SECONDS)


ROWS = (
    Row("nothing happens", nothing, "the load alone"),
    Row("scale-out", scaled_out, f"both services from {FEW} to {MANY} pods"),
    Row(
        "scale-in, by deletion cost",
        scaled_in,
        f"gateways from {MANY} to {FEW}, one at a time: each time the one with the fewest connections leaves",
        gateways=MANY,
    ),
    Row("rollout restart", restarted, "`kubectl rollout restart` of both services at once"),
    Row("drain of a node", drained, "`kubectl drain` of a node that has a gateway", prepare=spread),
    Row(
        "Redis's pod is deleted",
        redis_deleted,
        "it comes back empty, and clients are told of what it lost",
        may_tell=True,
    ),
    Row(
        "DNS is unreachable",
        names_unreachable,
        "every question is dropped; meanwhile a pod of each service is deleted, and the new ones wait",
    ),
    Row(
        "KEDA's fallback",
        prometheus_away,
        f"KEDA loses its Prometheus, and goes from {FEW} to {FALLBACK} pods of each service",
        needs_keda=True,
    ),
)


def _costed(services: Services) -> list[Pod]:
    """Return all gateways once each has its cost, as exactly as it is meant to be; until then, none."""
    pods = [pod for pod in services.gateways if pod.running]
    return pods if all(pod.ready and _is_current(pod) for pod in pods) else []


def _is_current(pod: Pod) -> bool:
    if pod.cost is None:
        return False
    told, now = pod.cost - LEAST_COST, pod.total(CONNECTIONS)
    return abs(now - told) < max(UNTOLD, told // UNTOLD) and (now == 0) == (told == 0)


def _on(services: Services, node: str) -> list[Pod]:
    return [pod for pod in (*services.gateways, *services.pollers) if pod.node == node and pod.running]


def _sum(pods: list[Pod], metric: str, **labels: str) -> float:
    return sum(pod.total(metric, **labels) for pod in pods if pod.running)
