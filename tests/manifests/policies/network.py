"""Who may reach whom, by which port and route."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from ..kustomize import Document, Documents, find

METADATA = [ipaddress.ip_address(address) for address in ("169.254.169.254", "fd00:ec2::254")]
"""The addresses that hand out a node's own credentials."""


def services_are_public_only(documents: Documents) -> Iterator[str]:
    """The gateway's Service has only the port for browsers; no Service has the admin port."""
    for each in find(documents, "Service"):
        for port in each["spec"]["ports"]:
            if port["targetPort"] in ("admin", 9000):
                yield f"{each['metadata']['name']} exposes the admin port"
        if each["spec"]["type"] != "ClusterIP" or each["spec"].get("sessionAffinity"):
            yield f"{each['metadata']['name']} is {each['spec']['type']}"
    for each in find(documents, "Service", "queuecast-gateway") or [{"spec": {"ports": []}}]:
        shown = [(port["targetPort"], port.get("appProtocol")) for port in each["spec"]["ports"]]
        if shown != [("client", "kubernetes.io/ws")]:
            yield f"queuecast-gateway exposes {shown}"


def nobody_talks_unasked(documents: Documents) -> Iterator[str]:
    """Both directions are denied by default, DNS works, and every rule names its peers and ports."""
    policies = find(documents, "NetworkPolicy")
    everybody = [each["spec"] for each in policies if each["spec"]["podSelector"] == {}]
    if {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} not in everybody:
        yield "traffic is not denied by default"
    allowed = [
        {(port["protocol"], port["port"]) for port in rule["ports"]}
        for spec in everybody
        for rule in spec.get("egress", [])
    ]
    if allowed != [{("UDP", 53), ("TCP", 53)}]:
        yield f"every pod may send {allowed}"
    for each in policies:
        name, spec = each["metadata"]["name"], each["spec"]
        for direction, whom in (("ingress", "from"), ("egress", "to")):
            if (direction in spec) > (direction.title() in spec["policyTypes"]):
                yield f"{name}: {direction} has no effect"
            for rule in spec.get(direction, []):
                if (
                    not rule.get(whom)
                    or not rule.get("ports")
                    or not all("port" in port for port in rule["ports"])
                ):
                    yield f"{name}: a rule without a peer or a port"
                if {} in rule.get(whom, []):
                    yield f"{name}: a rule for every peer"


def the_admin_port_is_for_few(documents: Documents) -> Iterator[str]:
    """Only named peers may read metrics and health, or publish: not every pod, not every address."""
    for each in find(documents, "NetworkPolicy"):
        for rule in each["spec"].get("ingress", []):
            if not {"admin", 9000, "api", 9400} & {port["port"] for port in rule["ports"]}:
                continue
            for peer in rule["from"]:
                if peer.get("namespaceSelector") == {} or _network(peer).prefixlen < 8:
                    yield f"{each['metadata']['name']} opens a port for few to {peer}"


def the_nodes_credentials_are_out_of_reach(documents: Documents) -> Iterator[str]:
    """No rule opens the metadata addresses, however much else it opens."""
    for each in find(documents, "NetworkPolicy"):
        for rule in each["spec"].get("egress", []):
            for peer in rule["to"]:
                block = peer.get("ipBlock", {})
                excepted = [ipaddress.ip_network(text) for text in block.get("except", [])]
                for address in METADATA:
                    if address in _network(peer) and not any(address in network for network in excepted):
                        yield f"{each['metadata']['name']} opens {address}"


def _network(peer: Document) -> Any:
    """Return a peer's network; without addresses, or not filled in yet, it is a network of one."""
    try:
        return ipaddress.ip_network(peer["ipBlock"]["cidr"])
    except (KeyError, ValueError):
        return ipaddress.ip_network("192.0.2.1/32")


def nothing_is_legacy_or_experimental(documents: Documents) -> Iterator[str]:
    """Ingress-nginx is no longer maintained; a finite route timeout would end every WebSocket."""
    for each in documents:
        if any("nginx" in key for key in each["metadata"].get("annotations", {})):
            yield f"{each['kind']}/{each['metadata']['name']} is for ingress-nginx"
    for route in find(documents, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            if "timeouts" in rule or "sessionPersistence" in rule:
                yield f"HTTPRoute/{route['metadata']['name']} has {sorted(rule)}"
