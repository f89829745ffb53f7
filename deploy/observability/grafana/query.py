"""PromQL in the few shapes that the dashboards need, each with the dashboard's variables as labels."""

from collections.abc import Callable

from deploy.observability.grafana.objectives import SELECTED

BUILD = "{{version}} ({{revision}})"
BY_POD = "pod, instance"
POD = "{{pod}} {{instance}}"
"""The legend of a process by its names. Where there are no pods, as under Compose, it is an address alone."""


def gateway(metric: str, *matchers: str) -> str:
    """Return a selector of the gateways' series."""
    return f"queuecast_gateway_{metric}{{{', '.join((SELECTED, *matchers))}}}"


def poller(metric: str, *matchers: str) -> str:
    """Return a selector of the pollers' series, of the dashboard's queues."""
    queue = 'queue=~"$queue"'
    return f"queuecast_poller_{metric}{{{', '.join((SELECTED, queue, *matchers))}}}"


def pollers(metric: str) -> str:
    """Return a selector of the pollers' series that are about no single queue."""
    return f"queuecast_poller_{metric}{{{SELECTED}}}"


def process(metric: str) -> str:
    """Return a selector of every process's own series; `of` leaves those of one service."""
    return f"process_{metric}{{{SELECTED}}}"


def builds(service: str) -> str:
    """Return a selector of what a service's processes were built from, one series each."""
    return f"queuecast_{service}_build_info{{{SELECTED}}}"


def built(service: str) -> str:
    """Return how many of a service's processes there are of each build."""
    return f"count by (version, revision) ({builds(service)})"


def of(service: str, expression: str) -> str:
    """Return those series of the expression that belong to a service, whatever its job is called."""
    return f"{expression} and on (job, instance) {builds(service)}"


DESCRIPTORS = f"{process('open_fds')} / {process('max_fds')}"
"""Open file descriptors of every process, of those that it may have."""


def rate(selector: str) -> str:
    return f"rate({selector}[$__rate_interval])"


def total(expression: str, by: str = "") -> str:
    """Return the sum, of all or by labels."""
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"


def rates(selector: str, by: str = "") -> str:
    """Return how many there are in a second, of all or by labels."""
    return total(rate(selector), by)


def per(part: str, whole: str, by: str = "") -> str:
    """Return how many of the one there are for each of the other, of all or by labels."""
    return f"{rates(part, by)} / {rates(whole, by)}"


def counted(selector: str, by: str = "") -> str:
    """Return how many there were in the dashboard's time range."""
    return total(f"increase({selector}[$__range])", by)


def buckets(selector: str) -> str:
    """Return how many there were in each bucket, for a heatmap."""
    return f"sum by (le) (increase({selector}[$__rate_interval]))"


def quantile(share: float, selector: str, by: str = "") -> str:
    """Return a quantile, of all processes together or by labels."""
    return f"histogram_quantile({share}, {rates(selector, f'le, {by}' if by else 'le')})"


def mean(select: Callable[..., str], histogram: str, *matchers: str, by: str = "") -> str:
    """Return the average of a histogram, of all or by labels; `select` is `gateway` or `poller`."""
    return per(select(f"{histogram}_sum", *matchers), select(f"{histogram}_count", *matchers), by)
