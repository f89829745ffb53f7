"""No panel is empty: a real Prometheus that scrapes the services under load answers all queries."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from deploy.observability.grafana.query import POD
from tests import preloaded
from tests.claims import eventually
from tests.e2e.queue import Queue
from tests.reservation import PortBlock

from queuecast_local import redis_server, sqs
from queuecast_local.ports import HOST
from queuecast_local.stack import Stack

from .answers import EVERYTHING, answer, empty, nameless, offered
from .browser import browsers
from .cluster import cluster
from .dashboards import NAMES, OBSERVABILITY, all_queries, annotations, dashboard
from .load import load
from .prometheus import BINARY, Prometheus, Window, finite, running

pytestmark = [
    pytest.mark.skipif(BINARY is None, reason="prometheus is missing: there is none on PATH"),
    pytest.mark.timeout(180),
]

DRAIN = {"QUEUECAST_DRAIN_SECONDS": "4"}
"""Several scrapes long, so that the drain shows."""

EAGER = {"QUEUECAST_WAIT_SECONDS": "1", "QUEUECAST_CANARY_SECONDS": "1"}

SCRAPES = 20
"""The number of scrapes before a gateway drains: more than a rate's interval."""

OVER_SECONDS = 2.0
"""After so long a scrape has its answer or is given up: it may take a second."""


@dataclass(frozen=True)
class Watched:
    """A Prometheus, and the time range in which everything happened, with the load still on at its end."""

    prometheus: Prometheus
    window: Window


def configuration(stack: Stack, kubernetes: str) -> dict[str, object]:
    """Return a configuration that scrapes both services under their usual job names."""

    def job(name: str, *addresses: str) -> dict[str, object]:
        return {"job_name": name, "static_configs": [{"targets": list(addresses)}]}

    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(OBSERVABILITY / "rules" / "queuecast.yml")],
        "scrape_configs": [
            job("gateway", *(f"{HOST}:{port}" for port in stack.ports.gateway_admins)),
            job("poller", f"{HOST}:{stack.ports.poller_admin}"),
            {**job("kube-state-metrics", kubernetes), "honor_labels": True},
        ],
    }


def scraped_until(prometheus: Prometheus, since: float) -> float | None:
    """Return a time before which each target has answered the three newest scrapes, all of them over and
    later than `since`; None if there is none yet.
    """
    end = time.time() - OVER_SECONDS
    if end < since + 3:
        return None
    ((_, values),) = prometheus.instant("min(sum_over_time(up[3s])) or vector(0)", end)
    return end if values[-1][1] == 3 else None


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Half a minute of load, with four browsers, a canary, and a gateway that drains and returns."""
    folder = tmp_path_factory.mktemp("prometheus")
    with (
        closing(PortBlock()) as block,
        Stack(
            block.ports(),
            redis_server.find(),
            gateway_settings=DRAIN,
            poller_settings=EAGER,
            start_service=preloaded.start,
        ) as stack,
        cluster(block.port()) as kubernetes,
    ):
        addresses = [f"ws://{HOST}:{port}" for port in stack.ports.gateways]
        queue = Queue.named(sqs.client(stack.ports.sqs), sqs.QUEUE)
        with (
            running(block.port(), folder, configuration(stack, kubernetes)) as prometheus,
            browsers(addresses, 4) as people,
            load(queue, people),
        ):
            start = time.time()
            scraped = "min(count_over_time(queuecast_gateway_connections[1m]))"
            eventually(lambda: (prometheus.value(scraped) or 0) >= SCRAPES)
            leaving = stack.gateways[1]
            leaving.signal(signal.SIGTERM)
            assert leaving.wait(60) == 0
            stack.gateways[1] = stack.start_gateway(1)
            stack.ready(stack.gateways[1], stack.ports.gateway_admins[1])
            eventually(lambda: sum(person.recovered for person in people) >= 2)
            back = time.time()
            end = eventually(lambda: scraped_until(prometheus, back))
            yield Watched(prometheus, Window(start, end))


@pytest.mark.parametrize("name", NAMES)
def test_no_panel_is_empty(watched: Watched, name: str) -> None:
    """A panel that is empty while all is well is empty when it matters. Errors are 0, not absent."""
    assert list(map(str, empty(watched.prometheus, dashboard(name), watched.window, EVERYTHING))) == []


def test_an_empty_panel_is_found(watched: Watched) -> None:
    """The test above can fail: missing series and infinite values count as nothing to draw."""
    content = dashboard("bus")
    first, second = content["panels"][1:3]
    first["targets"][0]["expr"] = 'queuecast_gateway_draining{reason="none"}'
    second["targets"][0]["expr"] = "vector(0) * Inf"
    found = empty(watched.prometheus, content, watched.window, EVERYTHING)
    assert list(map(str, found)) == [
        "Queuecast / Bus / Bus last heard / since",
        "Queuecast / Bus / Resumed after a failure / within 1 h",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_choice_leaves_no_panel_empty(watched: Watched, name: str) -> None:
    """Choosing every value by name, in Grafana's syntax for several, must equal choosing all."""
    choices = offered(watched.prometheus, dashboard(name), watched.window)
    assert choices["queue"] == [sqs.QUEUE]
    assert choices["job"] == ["gateway", "poller"]
    assert len(choices["instance"]) == 3
    chosen = {**EVERYTHING, **{label: f"({'|'.join(values)})" for label, values in choices.items() if values}}
    assert list(map(str, empty(watched.prometheus, dashboard(name), watched.window, chosen))) == []


@pytest.mark.parametrize("name", NAMES)
def test_legends_tell_the_series_apart(watched: Watched, name: str) -> None:
    """Two lines with the same name are confusing."""
    assert nameless(watched.prometheus, dashboard(name), watched.window) == []


def test_deploys_and_drains_are_marked(watched: Watched) -> None:
    """Every process is new here, and one gateway drained."""
    marks = annotations(dashboard("overview"))
    for name in ("New gateway", "New poller", "Drains"):
        expression = watched.window.filled(marks[name], EVERYTHING)
        assert any(map(finite, watched.prometheus.range(expression, watched.window))), name


def drawn(watched: Watched, dashboard_title: str, panel: str, legend: str | None = None) -> list[list[float]]:
    """Return the values of each line of a panel, oldest first."""
    return [
        [value for _, value in values]
        for query in all_queries()
        if (query.dashboard, query.panel["title"]) == (f"Queuecast / {dashboard_title}", panel)
        and legend in (None, query.legend)
        for _, values in answer(watched.prometheus, query, watched.window, EVERYTHING)
    ]


def shown(watched: Watched, dashboard_title: str, panel: str, legend: str | None = None) -> list[float]:
    """Return the newest value of each line of a panel."""
    return [line[-1] for line in drawn(watched, dashboard_title, panel, legend)]


def test_what_is_shown_is_what_happened(watched: Watched) -> None:
    """Four browsers at two gateways, one installation, a canary each second, everything on time."""
    assert shown(watched, "Overview", "Browsers", "connections") == [4]
    assert shown(watched, "Overview", "Room used") == [4 / 40_000]
    assert shown(watched, "Gateway", "Sessions recovered") == [1]
    assert shown(watched, "Gateway", "Gateways") == [2]
    assert shown(watched, "Overview", "Left on queues") == [0]
    assert shown(watched, "Autoscaling and capacity", "Builds") == [2, 1]
    assert all(0 <= age < 10 for age in shown(watched, "Overview", "Canary"))
    assert all(0 <= share <= 1 for share in shown(watched, "Overview", "On time"))


def test_no_message_is_unaccounted_for(watched: Watched) -> None:
    """A scrape may come between two counts, but not each of them."""
    (asked,) = (query for query in all_queries() if query.panel["title"] == "Unaccounted for")
    expression = watched.window.filled(asked.expression, EVERYTHING)
    eventually(lambda: watched.prometheus.value(expression) == 0)


def test_what_is_read_is_what_was_stored(watched: Watched) -> None:
    """Every gateway reads every record: a line below the others is a gateway that does not."""
    title = ("Bus", "Stored and read")
    stored = [
        *shown(watched, *title, "stored by pollers"),
        *shown(watched, *title, "stored for browsers"),
    ]
    read = shown(watched, *title, f"read by {POD}")
    assert (len(stored), len(read)) == (2, 2)
    # The gateway that stayed. These are rates over fifteen scrapes, which are not simultaneous.
    assert max(read) == pytest.approx(sum(stored), rel=0.25)


def test_every_rule_can_be_evaluated(watched: Watched) -> None:
    """The rules, which promtool tests with invented series, work with the services' real ones."""
    rules = watched.prometheus.rules()
    assert rules
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}
