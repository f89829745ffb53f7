"""What `docker compose up` starts is watched: all targets, all rules, and every query of every dashboard."""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from tests.claims import eventually
from tests.e2e.queue import Queue
from tests.observability.answers import EVERYTHING, empty
from tests.observability.browser import browsers
from tests.observability.dashboards import NAMES, OBSERVABILITY, dashboard, third_party
from tests.observability.load import load
from tests.observability.prometheus import Prometheus, Window
from tests.reservation import PortBlock

from queuecast_local import sqs

from .stack import Stack, missing, running

LACK = missing()
pytestmark = [pytest.mark.skipif(LACK is not None, reason=LACK or ""), pytest.mark.timeout(900)]

RATE_INTERVAL = "20s"
"""Grafana's, of a scrape interval of 5 s: four of them."""

SCRAPES = 7
"""More than a rate's interval, so that every point of it is whole."""


@dataclass(frozen=True)
class Watched:
    """The stack's Prometheus, and the time in which the load was on."""

    stack: Stack
    prometheus: Prometheus
    window: Window


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """Messages and two browsers, until a canary has come through."""
    with closing(PortBlock()) as block, running(block) as stack:
        prometheus = Prometheus(stack.url("PROMETHEUS_PORT"))
        queue = Queue.named(sqs.client(int(stack.ports["SQS_PORT"])), sqs.QUEUE)
        address = stack.url("HTTP_PORT").replace("http", "ws")
        with browsers([address], 2) as people, load(queue, people):
            start = time.time()
            scraped = "min(count_over_time(queuecast_gateway_connections[1m]))"
            eventually(lambda: (prometheus.value(scraped) or 0) >= SCRAPES, 90)
            # An age that is unknown is no number, and larger than none.
            eventually(lambda: (prometheus.value("max(queuecast_gateway_canary_age_seconds)") or -1) >= 0, 90)
            yield Watched(stack, prometheus, Window(start, time.time(), 5, RATE_INTERVAL))


def test_every_service_is_scraped(watched: Watched) -> None:
    """Two gateways and a poller, found by their names."""
    found = sorted((target["labels"]["job"], target["health"]) for target in watched.prometheus.targets())
    assert found == [("gateway", "up"), ("gateway", "up"), ("poller", "up")]


def test_the_newest_promtool_finds_no_fault(watched: Watched) -> None:
    """The oldest is asked without Docker; see tests/observability."""
    rules = "/etc/prometheus/rules/queuecast.yml"
    watched.stack.compose(
        "exec", "-T", "prometheus", "promtool", "check", "rules", "--lint=all", "--lint-fatal", rules
    )


def test_all_rules_are_loaded_and_understood(watched: Watched) -> None:
    """A rule that is not loaded is silent when it should not be."""
    written = yaml.safe_load((OBSERVABILITY / "rules" / "queuecast.yml").read_text("utf-8"))
    names = [rule.get("alert") or rule["record"] for group in written["groups"] for rule in group["rules"]]

    def waiting() -> list[str]:
        return [rule["name"] for rule in watched.prometheus.rules() if rule["health"] == "unknown"]

    eventually(lambda: not waiting(), 60)
    rules = watched.prometheus.rules()
    assert sorted(rule["name"] for rule in rules) == sorted(names)
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}


def test_nothing_is_alarmed(watched: Watched) -> None:
    """A stack that somebody tries out and that is well says so."""
    firing = [rule["name"] for rule in watched.prometheus.rules() if rule.get("state") == "firing"]
    assert firing == []


@pytest.mark.parametrize("name", NAMES)
def test_no_panel_is_empty(watched: Watched, name: str) -> None:
    """But for the lines that only a cluster could draw, every query brings something."""
    nothing = empty(watched.prometheus, dashboard(name), watched.window, EVERYTHING)
    assert [str(query) for query in nothing if not query.asked <= third_party()] == []


def test_grafana_has_the_dashboards(watched: Watched) -> None:
    """From the files, under their own uids, for everybody without a login."""
    if not watched.stack.has("grafana"):
        pytest.skip("Grafana's image is not here and cannot be fetched")
    watched.stack.compose("up", "--detach", "--wait", "--wait-timeout", "120", "grafana")

    def ask(path: str) -> Any:
        with urllib.request.urlopen(f"{watched.stack.url('GRAFANA_PORT')}{path}", timeout=10) as answer:
            return json.load(answer)

    assert {each["uid"] for each in ask("/api/search?tag=queuecast")} == {
        dashboard(name)["uid"] for name in NAMES
    }
    for name in NAMES:
        shown = ask(f"/api/dashboards/uid/{dashboard(name)['uid']}")
        assert shown["meta"]["provisioned"]
        assert [panel["title"] for panel in shown["dashboard"]["panels"]] == [
            panel["title"] for panel in dashboard(name)["panels"]
        ]
