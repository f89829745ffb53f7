"""How much one metric of a service has grown since a given moment, by one of its labels."""

from tests.exposition import samples_of

from .services import Service

EVENTS_REFUSED = "queuecast_gateway_events_refused_total"
HANDSHAKES_REFUSED = "queuecast_gateway_handshakes_refused_total"
CONNECTS_REFUSED = "queuecast_gateway_connects_refused_total"
ACKS_REFUSED = "queuecast_gateway_acks_refused_total"


class Counts:
    """A metric of a running service, counted from now on."""

    def __init__(self, service: Service, metric: str) -> None:
        self._service = service
        self._metric = metric
        self._before = self._all()

    def more(self) -> dict[str, float]:
        """Return by how much each label's count has grown; labels that have not grown are left out."""
        return {label: more for label, count in self._all().items() if (more := count - self._before[label])}

    def _all(self) -> dict[str, float]:
        return {
            "".join(sample.labels.values()): sample.value
            for sample in samples_of(self._metric, self._service.ask("/metrics")[1])
        }
