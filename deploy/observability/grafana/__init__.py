"""The dashboards, described in Python: `make docs` writes them to `deploy/observability/dashboards/`.

Not a client of Grafana: what is written is Classic JSON, which any Grafana imports.
"""
