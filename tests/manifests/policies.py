"""What must hold in whatever is rendered: each policy takes the objects and returns what is wrong with them.

They come from the Pod Security Standards, kube-linter's defaults and operators' practice. What compares the
objects with our code is in `test_agreement`.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from .kustomize import Document, Documents, containers, find, pods

Policy = Callable[[Documents], Iterator[str]]

RECOMMENDED = {
    f"app.kubernetes.io/{name}" for name in ("name", "instance", "version", "component", "part-of")
} | {"app.kubernetes.io/managed-by"}
SELECTED = {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
"""What selectors have: it never changes, as a Deployment's selector cannot be changed on a cluster."""

SERVICES = ("queuecast-gateway", "queuecast-poller")
METADATA = [ipaddress.ip_address(address) for address in ("169.254.169.254", "fd00:ec2::254")]
"""Where a node's own credentials are to be had."""

ALLOWED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
PINNED = re.compile(r":\d[\w.-]*$|@sha256:([0-9a-f]{64}|REPLACE-WITH-[A-Z-]+)$")
KEYS_OF_AWS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}


def labels_are_complete(documents: Documents) -> Iterator[str]:
    """Who looks for everything of ours, or of one version, finds it."""
    labelled = [(f"{each['kind']}/{each['metadata']['name']}", each) for each in documents]
    for name, each in [*labelled, *pods(documents)]:
        if missing := RECOMMENDED - each["metadata"].get("labels", {}).keys():
            yield f"{name} has no {', '.join(sorted(missing))}"


def selectors_are_stable(documents: Documents) -> Iterator[str]:
    """And select what there is."""
    templates = [template["metadata"]["labels"] for _, template in pods(documents)]
    for kind in ("Deployment", "PodDisruptionBudget", "PodMonitor", "Service"):
        for each in find(documents, kind):
            selector = each["spec"]["selector"]
            labels = selector if kind == "Service" else selector["matchLabels"]
            if labels.keys() != SELECTED or labels["app.kubernetes.io/instance"] != "queuecast":
                yield f"{kind}/{each['metadata']['name']} selects by {labels}"
            if sum(labels.items() <= given.items() for given in templates) != 1:
                yield f"{kind}/{each['metadata']['name']} selects not one kind of pod"


def nothing_hangs_in_the_air(documents: Documents) -> Iterator[str]:
    """What an object names is there: accounts, settings, targets, ports."""
    names = {(each["kind"], each["metadata"]["name"]) for each in documents}
    for name, template in pods(documents):
        spec = template["spec"]
        wanted = {("ServiceAccount", spec["serviceAccountName"])}
        for container in spec["containers"]:
            wanted |= {
                ("ConfigMap", source["configMapRef"]["name"]) for source in container.get("envFrom", [])
            }
            mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
            if unknown := mounted - {volume["name"] for volume in spec.get("volumes", [])}:
                yield f"{name} mounts {unknown}"
        wanted |= {
            ("ConfigMap", volume["configMap"]["name"])
            for volume in spec.get("volumes", [])
            if "configMap" in volume
        }
        yield from (f"{name} names {kind}/{missing}" for kind, missing in wanted - names)
    for kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        for each in find(documents, kind):
            if ("Deployment", each["spec"]["scaleTargetRef"]["name"]) not in names:
                yield f"{kind}/{each['metadata']['name']} scales nothing"
    ports = {port["name"] for _, container in containers(documents) for port in container["ports"]}
    for each in find(documents, "Service"):
        for port in each["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"Service/{each['metadata']['name']} leads to {port['targetPort']}"


def pods_are_restricted(documents: Documents) -> Iterator[str]:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, and more than that."""
    for name, template in pods(documents):
        spec = template["spec"]
        security = spec.get("securityContext", {})
        for host in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
            if spec.get(host):
                yield f"{name} has {host}"
        if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{name} has no seccomp profile"
        if security.get("sysctls"):
            yield f"{name} sets sysctls"
        if (
            not security.get("runAsNonRoot")
            or min(security.get("runAsUser", 0), security.get("runAsGroup", 0)) < 10_000
        ):
            yield f"{name} runs as root, or as a user that a node may have too"
        for volume in spec.get("volumes", []):
            if not (volume.keys() - {"name"}) <= ALLOWED_VOLUMES:
                yield f"{name} mounts {volume}"
            if "emptyDir" in volume and not volume["emptyDir"].get("sizeLimit"):
                yield f"{name}/{volume['name']} has no limit"
    for name, container in containers(documents):
        security = container.get("securityContext", {})
        if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
            yield f"{name} may get more rights than it has"
        if security.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name} has capabilities"
        if not security.get("readOnlyRootFilesystem"):
            yield f"{name} can write to its root"
        if {"runAsUser", "runAsNonRoot", "seccompProfile"} & security.keys():
            yield f"{name} goes another way than its pod"
        if any("hostPort" in port for port in container["ports"]):
            yield f"{name} has a port of the node"


def resources_are_bounded(documents: Documents) -> Iterator[str]:
    """Memory is asked for as much as may be used, so nobody is killed for another's; CPU is not limited."""
    for name, container in containers(documents):
        resources = container.get("resources", {})
        requests, limits = resources.get("requests", {}), resources.get("limits", {})
        if not requests.get("cpu"):
            yield f"{name} asks for no CPU"
        if "cpu" in limits:
            yield f"{name} is throttled"
        if not requests.get("memory") or requests["memory"] != limits.get("memory"):
            yield f"{name} asks for other memory than it may use"


def containers_are_watched(documents: Documents) -> Iterator[str]:
    """By three probes. Those of our services ask the admin port, liveness never for a dependency."""
    for name, container in containers(documents):
        ports = {port["name"] for port in container["ports"]}
        for probe, path in (
            ("startupProbe", "/livez"),
            ("livenessProbe", "/livez"),
            ("readinessProbe", "/readyz"),
        ):
            given = container.get(probe)
            if given is None:
                yield f"{name} has no {probe}"
                continue
            ours = name.split("/")[0] in SERVICES
            asked = given.get("httpGet") if ours else given.get("tcpSocket")
            if asked is None or asked["port"] not in ports:
                yield f"{name}: {probe} asks {given}"
            elif ours and asked != {"path": path, "port": "admin"}:
                yield f"{name}: {probe} asks for {asked}"
            if given.get("timeoutSeconds", 1) < 2:
                yield f"{name}: {probe} has no time for a busy loop"


def rollouts_are_careful(documents: Documents) -> Iterator[str]:
    """No pod goes before another is there, unless there may only be one."""
    for each in find(documents, "Deployment"):
        name, spec = each["metadata"]["name"], each["spec"]
        if name not in SERVICES:
            if spec["strategy"] != {"type": "Recreate"} or spec["replicas"] != 1:
                yield f"{name} may be there twice"
            continue
        rolling = spec["strategy"].get("rollingUpdate", {})
        if rolling.get("maxUnavailable") != 0 or not rolling.get("maxSurge"):
            yield f"{name} takes pods away first"
        if not spec.get("minReadySeconds"):
            yield f"{name} goes on at once"
        if (
            spec.get("progressDeadlineSeconds", 600)
            <= 2 * spec["template"]["spec"]["terminationGracePeriodSeconds"]
        ):
            yield f"{name} is given up while it drains"


def evictions_are_few(documents: Documents) -> Iterator[str]:
    """One at a time, and whoever is broken may always go."""
    for name in SERVICES:
        for budget in find(documents, "PodDisruptionBudget", name) or [{"spec": {}}]:
            spec = {key: value for key, value in budget["spec"].items() if key != "selector"}
            if spec != {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}:
                yield f"{name} is evicted by {spec}"


def pods_are_spread(documents: Documents) -> Iterator[str]:
    """Over zones, then over nodes, each generation of pods for itself."""
    for name, template in pods(documents):
        if name not in SERVICES:
            continue
        spread = template["spec"].get("topologySpreadConstraints", [])
        if [each["topologyKey"] for each in spread] != [
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        ]:
            yield f"{name} is spread over {[each['topologyKey'] for each in spread]}"
        for each in spread:
            labels = each["labelSelector"]["matchLabels"]
            if each.get("matchLabelKeys") != ["pod-template-hash"] or labels.keys() != SELECTED:
                yield f"{name} counts the pods of {labels} and {each.get('matchLabelKeys')}"
            if not labels.items() <= template["metadata"]["labels"].items():
                yield f"{name} counts pods of others"


def one_autoscaler_each(documents: Documents) -> Iterator[str]:
    """Two would fight, and a number of replicas in the manifest would set theirs back with each apply."""
    scaled = Counter(
        each["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for each in find(documents, kind)
    )
    if scaled != dict.fromkeys(SERVICES, 1):
        yield f"autoscalers: {dict(scaled)}"
    for each in find(documents, "Deployment"):
        if each["metadata"]["name"] in scaled and "replicas" in each["spec"]:
            yield f"{each['metadata']['name']} has replicas and an autoscaler"


def scale_in_is_slow(documents: Documents) -> Iterator[str]:
    """And scale-out is not; neither ends at one pod."""
    for kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        for each in find(documents, kind):
            name, spec = f"{kind}/{each['metadata']['name']}", each["spec"]
            inner = (
                spec
                if kind == "HorizontalPodAutoscaler"
                else spec["advanced"]["horizontalPodAutoscalerConfig"]
            )
            up, down = inner["behavior"]["scaleUp"], inner["behavior"]["scaleDown"]
            least, most = (
                (spec["minReplicas"], spec["maxReplicas"])
                if kind == "HorizontalPodAutoscaler"
                else (spec["minReplicaCount"], spec["maxReplicaCount"])
            )
            if not 2 <= least < most:
                yield f"{name} keeps {least} to {most}"
            if down["stabilizationWindowSeconds"] < 900 or down["selectPolicy"] != "Min":
                yield f"{name} scales in at once"
            if [(policy["type"], policy["value"]) for policy in down["policies"]] != [("Pods", 1)]:
                yield f"{name} scales in by more than one"
            if up["stabilizationWindowSeconds"] or up["selectPolicy"] != "Max":
                yield f"{name} hesitates to scale out"


def autoscalers_have_cpu(documents: Documents) -> Iterator[str]:
    """Of the container, as a sidecar's would dilute it."""
    for each in find(documents, "HorizontalPodAutoscaler"):
        container = each["metadata"]["name"].removeprefix("queuecast-")
        sources = [metric.get("containerResource", {}) for metric in each["spec"]["metrics"]]
        if not any(
            source.get("name") == "cpu" and source.get("container") == container for source in sources
        ):
            yield f"HorizontalPodAutoscaler/{each['metadata']['name']} does not see the CPU"
    for each in find(documents, "ScaledObject"):
        container = each["metadata"]["name"].removeprefix("queuecast-")
        if not any(
            trigger["type"] == "cpu" and trigger["metadata"]["containerName"] == container
            for trigger in each["spec"]["triggers"]
        ):
            yield f"ScaledObject/{each['metadata']['name']} does not see the CPU"


def scalers_are_fail_static(documents: Documents) -> Iterator[str]:
    """A Prometheus that is away is no reason to send browsers away: no value is an error, and nobody goes."""
    for each in find(documents, "ScaledObject"):
        name, spec = each["metadata"]["name"], each["spec"]
        fallback = spec.get("fallback", {})
        if (
            fallback.get("behavior") != "currentReplicasIfHigher"
            or fallback["replicas"] < spec["minReplicaCount"]
        ):
            yield f"{name} falls back to {fallback}"
        for trigger in spec["triggers"]:
            if trigger["type"] == "prometheus" and trigger["metadata"].get("ignoreNullValues") != "false":
                yield f"{name} takes no answer for zero"


def services_are_public_only(documents: Documents) -> Iterator[str]:
    """The gateway's has the one port for browsers; the admin port is in none."""
    for each in find(documents, "Service"):
        for port in each["spec"]["ports"]:
            if port["targetPort"] in ("admin", 9000):
                yield f"{each['metadata']['name']} shows the admin port"
        if each["spec"]["type"] != "ClusterIP" or each["spec"].get("sessionAffinity"):
            yield f"{each['metadata']['name']} is {each['spec']['type']}"
    for each in find(documents, "Service", "queuecast-gateway") or [{"spec": {"ports": []}}]:
        shown = [(port["targetPort"], port.get("appProtocol")) for port in each["spec"]["ports"]]
        if shown != [("client", "kubernetes.io/ws")]:
            yield f"queuecast-gateway shows {shown}"


def nobody_talks_unasked(documents: Documents) -> Iterator[str]:
    """Denied by default in both directions, names resolve, and every rule says who and which port."""
    policies = find(documents, "NetworkPolicy")
    everybody = [each["spec"] for each in policies if each["spec"]["podSelector"] == {}]
    if {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} not in everybody:
        yield "not denied by default"
    allowed = [
        {(port["protocol"], port["port"]) for port in rule["ports"]}
        for spec in everybody
        for rule in spec.get("egress", [])
    ]
    if allowed != [{("UDP", 53), ("TCP", 53)}]:
        yield f"everybody may say {allowed}"
    for each in policies:
        name, spec = each["metadata"]["name"], each["spec"]
        for direction, whom in (("ingress", "from"), ("egress", "to")):
            if (direction in spec) > (direction.title() in spec["policyTypes"]):
                yield f"{name}: {direction} does not count"
            for rule in spec.get(direction, []):
                if (
                    not rule.get(whom)
                    or not rule.get("ports")
                    or not all("port" in port for port in rule["ports"])
                ):
                    yield f"{name}: a rule without whom or without a port"
                if {} in rule.get(whom, []):
                    yield f"{name}: a rule for everybody"


def the_admin_port_is_for_few(documents: Documents) -> Iterator[str]:
    """Nobody reads metrics or health but whom a rule names: not every pod, not every address."""
    for each in find(documents, "NetworkPolicy"):
        for rule in each["spec"].get("ingress", []):
            if not {"admin", 9000} & {port["port"] for port in rule["ports"]}:
                continue
            for peer in rule["from"]:
                if peer.get("namespaceSelector") == {} or _network(peer).prefixlen < 8:
                    yield f"{each['metadata']['name']} opens the admin port to {peer}"


def the_nodes_credentials_are_out_of_reach(documents: Documents) -> Iterator[str]:
    """Whatever is opened to the outside."""
    for each in find(documents, "NetworkPolicy"):
        for rule in each["spec"].get("egress", []):
            for peer in rule["to"]:
                block = peer.get("ipBlock", {})
                excepted = [ipaddress.ip_network(text) for text in block.get("except", [])]
                for address in METADATA:
                    if address in _network(peer) and not any(address in network for network in excepted):
                        yield f"{each['metadata']['name']} lets {address} be reached"


def _network(peer: Document) -> Any:
    """Return the network of a peer; one without addresses, or not filled in yet, is a network of one."""
    try:
        return ipaddress.ip_network(peer["ipBlock"]["cidr"])
    except (KeyError, ValueError):
        return ipaddress.ip_network("192.0.2.1/32")


def images_are_pinned(documents: Documents) -> Iterator[str]:
    """By a version, or by a digest: what runs tomorrow is what ran today."""
    for name, container in containers(documents):
        if not PINNED.search(container["image"]):
            yield f"{name} runs {container['image']}"
        if container.get("imagePullPolicy") != "IfNotPresent":
            yield f"{name} needs its registry for each start"


def secrets_are_elsewhere(documents: Documents) -> Iterator[str]:
    """None is made here, none stands in a setting, and AWS is told who we are by no key."""
    yield from (f"Secret/{each['metadata']['name']}" for each in find(documents, "Secret"))
    for each in find(documents, "ConfigMap"):
        for name in each["data"].keys() & {*KEYS_OF_AWS, "QUEUECAST_REDIS_URL", "QUEUECAST_AUTH_SECRET"}:
            yield f"ConfigMap/{each['metadata']['name']} has {name}"
    for name, container in containers(documents):
        seen = Counter(variable["name"] for variable in container.get("env", []))
        yield from (f"{name} has {variable} twice" for variable, count in seen.items() if count > 1)
        for variable in container.get("env", []):
            if variable["name"] in KEYS_OF_AWS:
                yield f"{name} has a key of AWS in {variable['name']}"
            if re.search("PASSWORD|SECRET|TOKEN", variable["name"]) and "valueFrom" not in variable:
                yield f"{name} has a secret in {variable['name']}"
            if re.search(r"://[^@]*:(?!\$\()[^@]+@", variable.get("value", "")):
                yield f"{name} has a password in {variable['name']}"


def accounts_say_nothing(documents: Documents) -> Iterator[str]:
    """Each has its own, and none is somebody at the API server, but a gateway that is to change itself."""
    for name, template in pods(documents):
        spec = template["spec"]
        if spec["serviceAccountName"] != name or spec.get("automountServiceAccountToken") is not False:
            yield f"{name} is {spec['serviceAccountName']} at the API server"
        if spec.get("enableServiceLinks") is not False:
            yield f"{name} gets variables of services, which begin as our settings do"
        tokens = [
            source
            for volume in spec.get("volumes", [])
            for source in volume.get("projected", {}).get("sources", [])
            if "serviceAccountToken" in source
        ]
        bound = {binding["subjects"][0]["name"] for binding in find(documents, "RoleBinding")}
        if bool(tokens) != (name in bound):
            yield f"{name} has {len(tokens)} tokens, and {'a' if name in bound else 'no'} use for one"
    for each in find(documents, "ServiceAccount"):
        if each.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount/{each['metadata']['name']} is mounted"


def rights_are_few(documents: Documents) -> Iterator[str]:
    """The only one that anybody has: to change a pod, in this namespace."""
    for each in documents:
        if each["kind"] in ("ClusterRole", "ClusterRoleBinding"):
            yield f"{each['kind']}/{each['metadata']['name']}"
    for role in find(documents, "Role"):
        if role["rules"] != [{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}]:
            yield f"Role/{role['metadata']['name']} allows {role['rules']}"
    for binding in find(documents, "RoleBinding"):
        if not find(documents, "Role", binding["roleRef"]["name"]):
            yield f"RoleBinding/{binding['metadata']['name']} gives what is not there"


def nothing_is_legacy_or_experimental(documents: Documents) -> Iterator[str]:
    """Ingress-nginx is not maintained any more; a finite timeout of a route would end every WebSocket."""
    for each in documents:
        if any("nginx" in key for key in each["metadata"].get("annotations", {})):
            yield f"{each['kind']}/{each['metadata']['name']} is for ingress-nginx"
    for route in find(documents, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            if "timeouts" in rule or "sessionPersistence" in rule:
                yield f"HTTPRoute/{route['metadata']['name']} has {sorted(rule)}"


def namespaces_are_restricted(documents: Documents) -> Iterator[str]:
    """Where there is one, the cluster refuses what `pods_are_restricted` would have missed."""
    names = {each["metadata"]["name"] for each in find(documents, "Namespace")}
    for each in find(documents, "Namespace"):
        labels = each["metadata"]["labels"]
        if any(
            labels.get(f"pod-security.kubernetes.io/{mode}") != "restricted"
            for mode in ("enforce", "audit", "warn")
        ):
            yield f"Namespace/{each['metadata']['name']} takes anything"
    for each in documents:
        if names and each["kind"] != "Namespace" and each["metadata"].get("namespace") not in names:
            yield f"{each['kind']}/{each['metadata']['name']} is in no namespace of ours"


POLICIES: tuple[Policy, ...] = (
    labels_are_complete,
    selectors_are_stable,
    nothing_hangs_in_the_air,
    pods_are_restricted,
    resources_are_bounded,
    containers_are_watched,
    rollouts_are_careful,
    evictions_are_few,
    pods_are_spread,
    one_autoscaler_each,
    scale_in_is_slow,
    autoscalers_have_cpu,
    scalers_are_fail_static,
    services_are_public_only,
    nobody_talks_unasked,
    the_admin_port_is_for_few,
    the_nodes_credentials_are_out_of_reach,
    images_are_pinned,
    secrets_are_elsewhere,
    accounts_say_nothing,
    rights_are_few,
    nothing_is_legacy_or_experimental,
    namespaces_are_restricted,
)
