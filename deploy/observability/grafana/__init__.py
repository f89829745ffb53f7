"""The dashboards, described in Python: `make docs` writes them to `deploy/observability/dashboards/`.

Not a client of Grafana: the output is Classic JSON, which any Grafana imports.
"""
