"""PromQL in the few shapes that the dashboards need, each with the dashboard's variables as labels."""

from collections.abc import Callable

from deploy.observability.grafana.objectives import SELECTED

BUILD = "{{version}} ({{revision}})"
BY_POD = "pod, instance"
POD = "{{pod}} {{instance}}"
"""The legend of a process. Without pods, as under Compose, it shows only an address."""


def gateway(metric: str, *matchers: str) -> str:
    """Return a selector of the gateways' series."""
    return f"queuecast_gateway_{metric}{{{', '.join((SELECTED, *matchers))}}}"


def poller(metric: str, *matchers: str) -> str:
    """Return a selector of the pollers' series for the selected queues."""
    queue = 'queue=~"$queue"'
    return f"queuecast_poller_{metric}{{{', '.join((SELECTED, queue, *matchers))}}}"


def pollers(metric: str) -> str:
    """Return a selector of the pollers' series that have no queue."""
    return f"queuecast_poller_{metric}{{{SELECTED}}}"


def process(metric: str) -> str:
    """Return a selector of every process's own series; `of` narrows it to one service."""
    return f"process_{metric}{{{SELECTED}}}"


def builds(service: str) -> str:
    """Return a selector of a service's build metric, which has one series per process."""
    return f"queuecast_{service}_build_info{{{SELECTED}}}"


def built(service: str) -> str:
    """Return the number of a service's processes per build."""
    return f"count by (version, revision) ({builds(service)})"


def of(service: str, expression: str) -> str:
    """Return the expression's series that belong to a service, whatever its job is called."""
    return f"{expression} and on (job, instance) {builds(service)}"


DESCRIPTORS = f"{process('open_fds')} / {process('max_fds')}"
"""Each process's open file descriptors, as a share of its limit."""


def rate(selector: str) -> str:
    return f"rate({selector}[$__rate_interval])"


def total(expression: str, by: str = "") -> str:
    """Return the sum, overall or by labels."""
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"


def rates(selector: str, by: str = "") -> str:
    """Return the rate per second, overall or by labels."""
    return total(rate(selector), by)


def per(part: str, whole: str, by: str = "") -> str:
    """Return the ratio of two rates, overall or by labels."""
    return f"{rates(part, by)} / {rates(whole, by)}"


def counted(selector: str, by: str = "") -> str:
    """Return the increase over the dashboard's time range."""
    return total(f"increase({selector}[$__range])", by)


def buckets(selector: str) -> str:
    """Return the increase per bucket, for a heatmap."""
    return f"sum by (le) (increase({selector}[$__rate_interval]))"


def quantile(share: float, selector: str, by: str = "") -> str:
    """Return a quantile, over all processes or by labels."""
    return f"histogram_quantile({share}, {rates(selector, f'le, {by}' if by else 'le')})"


def mean(select: Callable[..., str], histogram: str, *matchers: str, by: str = "") -> str:
    """Return a histogram's average, overall or by labels; `select` is `gateway` or `poller`."""
    return per(select(f"{histogram}_sum", *matchers), select(f"{histogram}_count", *matchers), by)
