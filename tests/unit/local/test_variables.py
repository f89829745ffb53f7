"""Which variables each service of `make run` gets."""

from queuecast_edge.environment import read
from queuecast_gateway.access.origins import Origins
from queuecast_gateway.settings import Settings as GatewaySettings
from queuecast_local.ports import Ports
from queuecast_local.variables import DEFAULTS, links, variables
from queuecast_poller.settings import Settings as PollerSettings

BUS = {"QUEUECAST_REDIS_URL": "redis://127.0.0.1:6380/0"}
QUEUES = {"QUEUECAST_QUEUES": "queuecast"}


def test_each_service_gets_what_is_its_own() -> None:
    """Each refuses the other's settings, and somebody who tries something out sets them for all."""
    environ = {**BUS, **QUEUES, "QUEUECAST_PING_INTERVAL_SECONDS": "5", "QUEUECAST_WAIT_SECONDS": "1"}
    gateway = read(GatewaySettings, {**environ, **variables("gateway", environ)})
    poller = read(PollerSettings, {**environ, **variables("poller", environ)})
    assert gateway.ping_interval_seconds == 5
    assert poller.wait_seconds == 1


def test_what_no_service_has_is_left_to_be_refused_by_name() -> None:
    """A typing mistake must not be silent."""
    assert "QUEUECAST_PRT" not in variables("gateway", {"QUEUECAST_PRT": "1"})


def test_the_environment_goes_before_the_defaults() -> None:
    """`QUEUECAST_ORIGINS='*' make run` is the first thing that many try."""
    assert variables("gateway", {"QUEUECAST_ORIGINS": "*"})["QUEUECAST_ORIGINS"] == "*"
    assert variables("poller", {})["QUEUECAST_CANARY_SECONDS"] == "15"


def test_everybody_is_an_operator_of_the_board_until_tokens_say_who_is() -> None:
    """Whoever tries tokens out tries what they allow."""
    assert variables("gateway", {})["QUEUECAST_BOARD_RIGHTS"] == "view,send,kill"
    assert "QUEUECAST_BOARD_RIGHTS" not in variables("gateway", {"QUEUECAST_AUTH": "jwt"})


def test_the_board_links_to_the_metrics_of_every_service() -> None:
    """Whoever sees a figure on the board may want the rest."""
    made = links(Ports(gateways=(1, 2), admin=100, sqs=3, redis=4, balancer=5), {})
    assert read(GatewaySettings, {**BUS, **made}).named_links == {
        "Metrics of gateway-1": "http://127.0.0.1:100/metrics",
        "Metrics of gateway-2": "http://127.0.0.1:101/metrics",
        "Metrics of the poller": "http://127.0.0.1:102/metrics",
    }
    assert links(Ports(gateways=(1,), admin=100, sqs=3, redis=4, balancer=5), made) == {}


def test_pages_of_this_machine_may_connect() -> None:
    """A web developer's page is served by a tool of its own, on any port."""
    origins = Origins(DEFAULTS["gateway"]["QUEUECAST_ORIGINS"].split(","))
    for page in ("http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:8081", "http://localhost"):
        assert origins.allows(page, {"HTTP_HOST": "127.0.0.1:8000"}), page
    assert not origins.allows("http://shop.example", {"HTTP_HOST": "127.0.0.1:8000"})
