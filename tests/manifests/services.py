"""The services as the manifests run them: their containers, settings and mounted files."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pydantic import BaseModel

from queuecast_edge.environment import read
from queuecast_gateway.settings import Settings as GatewaySettings
from queuecast_poller.settings import Settings as PollerSettings

from .kustomize import RENDERS, Document, Documents, containers, environment, the

SERVICES: dict[str, type[BaseModel]] = {"gateway": GatewaySettings, "poller": PollerSettings}
READY = [name for name in RENDERS if name != "overlays/aws"]
"""What can be applied unchanged; the overlay for AWS has to be filled in."""

every = pytest.mark.parametrize("name", READY)


def container_of(documents: Documents, service: str) -> Document:
    (found,) = [each for name, each in containers(documents) if name == f"queuecast-{service}/{service}"]
    return found


def settings(documents: Documents, service: str) -> Any:
    """Return the settings that a service reads in its pod, with its mounted files."""
    container = container_of(documents, service)
    made = environment(documents, container)
    with TemporaryDirectory() as folder:
        if "QUEUECAST_ROUTES" in made:
            path = Path(folder) / "routes.yaml"
            path.write_text(mounted(documents, service, made["QUEUECAST_ROUTES"]), "utf-8")
            made["QUEUECAST_ROUTES"] = str(path)
        return read(SERVICES[service], made)


def mounted(documents: Documents, service: str, path: str) -> str:
    """Return the content of a file that a ConfigMap puts into a service's container."""
    directory, _, name = path.rpartition("/")
    (volume,) = [
        mount["name"]
        for mount in container_of(documents, service)["volumeMounts"]
        if mount["mountPath"] == directory and "subPath" not in mount
    ]
    spec = the(documents, "Deployment", f"queuecast-{service}")["spec"]["template"]["spec"]
    (source,) = [each["configMap"]["name"] for each in spec["volumes"] if each["name"] == volume]
    return str(the(documents, "ConfigMap", source)["data"][name])
