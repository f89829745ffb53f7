"""The samples of one metric in what `/metrics` answers."""

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


def samples_of(name: str, exposition: str) -> list[Sample]:
    """Return a metric's samples.

    Only its own lines are parsed: all lines take the parser milliseconds, and a test that waits for a number
    asks again and again.
    """
    lines = [line for line in exposition.split("\n") if line.startswith((f"{name}{{", f"{name} "))]
    families = text_string_to_metric_families("\n".join((*lines, "")))
    return [sample for family in families for sample in family.samples]
