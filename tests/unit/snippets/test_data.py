"""YAML and JSON in the documentation are what they are shown as."""

import json
from typing import Any

import pytest
import yaml
from tests.snippets.blocks import Block, blocks

from queuecast_gateway.access.grant import Rooms, identity
from queuecast_poller.route.reading import read_routes

ROUTES = {"routes", "queues", "schemas"}
KUSTOMIZATION = {"apiVersion", "kind", "components", "configMapGenerator", "images", "patches", "resources"}
ALERTMANAGER = {"inhibit_rules", "route"}
CLAIMS = {"sub", "exp"}


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: block.at)
def test_yaml_is_what_it_is_shown_as(block: Block) -> None:
    """A routes file by the poller's reading, a Kustomization and Alertmanager's settings by their keys."""
    document = yaml.safe_load(block.text)
    if not document.keys().isdisjoint(ROUTES):
        read_routes(block.text)
    else:
        assert document.keys() <= KUSTOMIZATION or document.keys() <= ALERTMANAGER, document.keys()


@pytest.mark.parametrize("block", blocks("json"), ids=lambda block: block.at)
def test_json_is_json_and_claims_are_read(block: Block) -> None:
    """The claims of a token by the gateway's own reading. `test_types.py` compares acknowledgements."""
    document: dict[str, Any] = json.loads(block.text)
    if document.keys() >= CLAIMS:
        assert identity(document, Rooms(), 0).subject == document["sub"]
