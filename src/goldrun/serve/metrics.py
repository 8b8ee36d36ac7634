"""A server's metrics for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from goldrun.serve.instruments import INSTRUMENTS


class Metrics:
    """A sink that Prometheus reads."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for name, one in INSTRUMENTS.items():
            full, words, labels = f"goldrun_{name}", one.meaning, one.labels
            if one.kind == "counter":
                self._counters[name] = Counter(full, words, labels, registry=self._registry)
            elif one.kind == "gauge":
                self._gauges[name] = Gauge(full, words, labels, registry=self._registry)
            else:
                self._histograms[name] = Histogram(full, words, labels, registry=self._registry, buckets=one.buckets)

    def text(self) -> bytes:
        """Return the metrics as Prometheus reads them."""
        return generate_latest(self._registry)

    def add(self, name: str, amount: float, labels: dict[str, str]) -> None:
        """See ``Sink``."""
        self._counters[name].labels(**labels).inc(amount)

    def put(self, name: str, value: float, labels: dict[str, str]) -> None:
        """See ``Sink``."""
        self._gauges[name].labels(**labels).set(value)

    def forget(self, name: str, labels: dict[str, str]) -> None:
        """See ``Sink``."""
        self._gauges[name].remove(*(labels[label] for label in INSTRUMENTS[name].labels))

    def observe(self, name: str, value: float, labels: dict[str, str]) -> None:
        """See ``Sink``."""
        self._histograms[name].labels(**labels).observe(value)
