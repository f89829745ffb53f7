"""`python -m deploy.observability.grafana`: write the dashboards."""

from pathlib import Path

from deploy.observability.grafana import bus, capacity, gateway, overview, poller

TARGET = Path(__file__).parents[1] / "dashboards"
DASHBOARDS = tuple(module.DASHBOARD for module in (overview, gateway, poller, bus, capacity))


def write() -> None:
    """Write one file per dashboard."""
    for dashboard in DASHBOARDS:
        (TARGET / f"{dashboard.name}.json").write_text(dashboard.text(), "utf-8")


if __name__ == "__main__":
    write()
