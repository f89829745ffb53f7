"""The gateways' HTTP API, a row of their dashboard: requests, failures, and what they stored."""

from deploy.observability.grafana.dashboard import Row
from deploy.observability.grafana.objectives import threshold
from deploy.observability.grafana.panel import Series
from deploy.observability.grafana.query import gateway, quantile, rates

FAILED = 'status=~"500|503"'


def or_none(expression: str, label: str) -> str:
    """Return an expression of the API's metrics, which without an API is one line of zeros that says so."""
    nothing = f"0 * sum({gateway('connections')}) unless on () {rates(gateway('api_requests_total'))}"
    return f'{expression} or label_replace({nothing}, "{label}", "no API", "", "")'


API = Row(
    "HTTP API",
    [
        Series(
            "Requests",
            "By operation and status. 503: Redis did not confirm, or a gateway is behind. Without "
            "`QUEUECAST_API_PORT` there are none.",
            "cps",
            {
                "{{route}} {{status}}": or_none(
                    f"{rates(gateway('api_requests_total'), 'route, status')} > 0", "route"
                )
            },
            width=6,
        ),
        Series(
            "Failed requests",
            "Answers with 5xx, as a share of the requests within 15 minutes: the alert's own expression.",
            "percentunit",
            {
                "of the requests": f"sum(increase({gateway('api_requests_total', FAILED)}[15m]))"
                f" / clamp_min(sum(increase({gateway('api_requests_total')}[15m])), 1)"
                f" or 0 * sum({gateway('connections')})"
            },
            6,
            threshold("api_failures_per_request"),
        ),
        Series(
            "Time of a request",
            "99th percentile from its head to its answer, by operation.",
            "s",
            {"{{route}}": or_none(quantile(0.99, gateway("api_seconds_bucket"), "route"), "route")},
            width=6,
        ),
        Series(
            "Events and commands",
            "Stored now, or stored before with the same key.",
            "cps",
            {"{{outcome}}": or_none(rates(gateway("api_events_total"), "outcome"), "outcome")},
            width=6,
        ),
    ],
)
