"""The cluster's networks and addresses. Nobody outside of its namespace sees them."""

PLANE = "10.200.0.1"
"""The control plane and the clients: the bridge to which the nodes are connected."""

NOWHERE = "10.200.0.254"
"""The default route, which leads nowhere: the cluster reaches nothing outside of itself."""

MACHINES = "10.200.0.0/24"
SERVICES = "10.96.0.0/16"
KUBERNETES = "10.96.0.1"
DNS = "10.96.0.10"
PODS = "10.244.0.0/16"
DOMAIN = "cluster.local"
API = f"https://{PLANE}:6443"


def node(number: int) -> str:
    """Return the address of a node, which counts from 1."""
    return f"10.200.0.{10 + number}"


def pods(number: int) -> str:
    """Return the network of a node's pods."""
    return f"10.244.{number}.0/24"
