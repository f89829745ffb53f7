"""Secrets, accounts and rights: as few as possible, and none in the manifests."""

import re
from collections import Counter
from collections.abc import Iterator

from ..kustomize import Documents, containers, find, pods

KEYS_OF_AWS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}


def secrets_are_elsewhere(documents: Documents) -> Iterator[str]:
    """The manifests contain no Secret and no secret setting, and the pods use no AWS access keys."""
    yield from (f"Secret/{each['metadata']['name']}" for each in find(documents, "Secret"))
    for each in find(documents, "ConfigMap"):
        for name in each["data"].keys() & {*KEYS_OF_AWS, "QUEUECAST_REDIS_URL", "QUEUECAST_AUTH_SECRET"}:
            yield f"ConfigMap/{each['metadata']['name']} has {name}"
    for name, container in containers(documents):
        seen = Counter(variable["name"] for variable in container.get("env", []))
        yield from (f"{name} has {variable} twice" for variable, count in seen.items() if count > 1)
        for variable in container.get("env", []):
            if variable["name"] in KEYS_OF_AWS:
                yield f"{name} has an AWS access key in {variable['name']}"
            if re.search("PASSWORD|SECRET|TOKEN", variable["name"]) and "valueFrom" not in variable:
                yield f"{name} has a secret in {variable['name']}"
            if re.search(r"://[^@]*:(?!\$\()[^@]+@", variable.get("value", "")):
                yield f"{name} has a password in {variable['name']}"


def accounts_say_nothing(documents: Documents) -> Iterator[str]:
    """Each pod has its own account. Only a gateway that may change itself has a token for the API server."""
    for name, template in pods(documents):
        spec = template["spec"]
        if spec["serviceAccountName"] != name or spec.get("automountServiceAccountToken") is not False:
            yield f"{name} uses the service account {spec['serviceAccountName']}, or mounts its token"
        if spec.get("enableServiceLinks") is not False:
            yield f"{name} gets variables of services, whose names begin like our settings"
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
            yield f"ServiceAccount/{each['metadata']['name']} mounts its token"


def rights_are_few(documents: Documents) -> Iterator[str]:
    """The only right that anyone has is to patch pods in this namespace."""
    for each in documents:
        if each["kind"] in ("ClusterRole", "ClusterRoleBinding"):
            yield f"{each['kind']}/{each['metadata']['name']}"
    for role in find(documents, "Role"):
        if role["rules"] != [{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}]:
            yield f"Role/{role['metadata']['name']} allows {role['rules']}"
    for binding in find(documents, "RoleBinding"):
        if not find(documents, "Role", binding["roleRef"]["name"]):
            yield f"RoleBinding/{binding['metadata']['name']} refers to a missing Role"
