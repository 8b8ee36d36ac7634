"""Metrics and traces by OpenTelemetry: its official SDK, which sends them in threads of its own, over OTLP/HTTP.

Where they are sent, and how, its own variables say: ``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_EXPORTER_OTLP_HEADERS``,
``OTEL_RESOURCE_ATTRIBUTES``, ``OTEL_TRACES_SAMPLER``, ``OTEL_METRIC_EXPORT_INTERVAL``.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode, set_span_in_context

from goldrun import __version__
from goldrun.cloud.instances import Instance
from goldrun.github.scale_sets import JobEvent
from goldrun.report import Report
from goldrun.serve.concurrency import origin_of
from goldrun.serve.instruments import INSTRUMENTS
from goldrun.serve.scale_set_spec import ScaleSetSpec

SAME = 40  # characters by which a text is known to repeat the last one
KEPT = 5000  # machines that are followed at most
_NANO = 1_000_000_000


class Telemetry:
    """A sink, and a tracer: one trace for each job.

    A trace is sent when its job has ended and its machine is gone, with the times that GitHub and the cloud have told:
    ``queued`` until GitHub gave the job to the scale set, ``launch`` until the machine was created (or started),
    ``boot`` until it had its configuration, ``connect`` until the runner had the job, ``run``, and ``delete`` until the
    machine was gone. A machine that waited for the job has neither launch nor boot.
    """

    def __init__(self, server: str, report: Report) -> None:
        """Begin to send.

        Args:
            server: this server's name.
            report: receives what OpenTelemetry has to say: that the collector does not answer, above all.
        """
        logs = logging.getLogger("opentelemetry")
        logs.handlers, logs.propagate = [_Reported(report)], False
        resource = Resource.create(
            {"service.name": "goldrun", "service.version": __version__, "service.instance.id": server}
        )
        self._meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource)
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._traces.get_tracer("goldrun.serve", __version__)
        self._followed: dict[str, _Followed] = {}  # by runner
        self._lock = threading.Lock()
        self._counters: dict[str, Counter] = {}
        # Observed, not set: the SDK repeats for ever what was set once.
        self._gauges: dict[str, dict[tuple[str, ...], Observation]] = {}
        self._histograms: dict[str, Histogram] = {}
        meter = self._meters.get_meter("goldrun.serve", __version__)
        for name, one in INSTRUMENTS.items():
            full, words = f"goldrun_{name}", one.meaning
            if one.kind == "counter":
                self._counters[name] = meter.create_counter(full, description=words)
            elif one.kind == "gauge":
                self._gauges[name] = {}
                meter.create_observable_gauge(full, [partial(self._observed, name)], description=words)
            else:
                bounds = list(one.buckets)
                self._histograms[name] = meter.create_histogram(
                    full, "s", words, explicit_bucket_boundaries_advisory=bounds
                )

    def close(self) -> None:
        """Send what is left."""
        self._traces.shutdown()
        self._meters.shutdown()

    def add(self, name: str, amount: float, labels: dict[str, str]) -> None:
        """See ``Sink``."""
        self._counters[name].add(amount, labels)

    def put(self, name: str, value: float, labels: dict[str, str]) -> None:
        """See ``Sink``."""
        with self._lock:
            self._gauges[name][tuple(labels.values())] = Observation(value, labels)

    def forget(self, name: str, labels: dict[str, str]) -> None:
        """See ``Sink``."""
        with self._lock:
            del self._gauges[name][tuple(labels.values())]

    def observe(self, name: str, value: float, labels: dict[str, str]) -> None:
        """See ``Sink``."""
        self._histograms[name].record(value, labels)

    def _observed(self, name: str, _: CallbackOptions) -> list[Observation]:
        with self._lock:
            return list(self._gauges[name].values())

    def configured(self, spec: ScaleSetSpec, machine: Instance, since: float, now: float) -> None:
        """See ``Tracer``."""
        self._learn(spec, spec.runner_name(machine.id), begun=since, configured=now)

    def job_completed(self, spec: ScaleSetSpec, event: JobEvent) -> None:
        """See ``Tracer``."""
        self._learn(spec, event.runner, event=event)

    def gone(self, spec: ScaleSetSpec, machine: Instance, now: float) -> None:
        """See ``Tracer``."""
        self._learn(spec, spec.runner_name(machine.id), machine=machine, gone=now)

    def _learn(self, spec: ScaleSetSpec, runner: str, **facts: Any) -> None:
        """Take note of what is known of a runner, and send its trace when that is all."""
        with self._lock:
            known = self._followed[runner] = replace(self._followed.pop(runner, _Followed()), **facts)
            if known.event and known.machine:
                del self._followed[runner]
            elif len(self._followed) > KEPT:
                del self._followed[next(iter(self._followed))]  # nothing was heard of it for longest
        if known.event and known.machine:
            self._send(spec, known.machine, known.event, known)

    def _send(self, spec: ScaleSetSpec, machine: Instance, event: JobEvent, followed: _Followed) -> None:
        repository, workflow = origin_of(event)
        root = self._tracer.start_span(
            event.name or "job",
            context=Context(),
            start_time=_nano(event.queued),
            attributes={
                "cicd.pipeline.name": workflow,
                "cicd.pipeline.run.id": str(event.run),
                "cicd.pipeline.task.name": event.name,
                "vcs.repository.name": repository,
                "goldrun.set": spec.name,
                "goldrun.scope": str(spec.scope),
                "goldrun.result": event.result,
                "cloud.provider": "alibaba_cloud",
                "cloud.availability_zone": machine.zone,
                "host.id": machine.id,
                "host.type": machine.type,
                "host.image.id": machine.image_id,
                "goldrun.spot": machine.spot,
            },
        )
        if event.result != "succeeded":
            root.set_status(Status(StatusCode.ERROR, event.result))
        inside, at = set_span_in_context(root), event.queued
        steps = (
            ("queued", event.assigned),
            ("launch", followed.begun),
            ("boot", followed.configured),
            ("connect", event.started),
            ("run", event.finished),
            ("delete", followed.gone),
        )
        for name, end in steps:
            if end > at:  # what ended before was done ahead, for no job in particular
                self._tracer.start_span(name, context=inside, start_time=_nano(at)).end(_nano(end))
                at = end
        root.end(_nano(at))


class _Reported(logging.Handler):
    """Passes what is logged on to a report, each text once in a while."""

    def __init__(self, report: Report) -> None:
        super().__init__(logging.WARNING)
        self._report, self._last = report, ""

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``."""
        text = record.getMessage()
        kind = text[:SAME]
        if kind != self._last:
            self._last = kind
            self._report(f"OpenTelemetry: {text}")


@dataclass(frozen=True)
class _Followed:
    """What is known of a runner, its job and its machine; of a reclaimed one the job ends after the machine."""

    begun: float = 0.0
    configured: float = 0.0
    event: JobEvent | None = None
    machine: Instance | None = None
    gone: float = 0.0


def _nano(moment: float) -> int:
    return int(moment * _NANO)
