"""The snapshot as Prometheus metrics, made anew at each scrape."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from edge_agent.health.histogram import seconds_of
from edge_agent.health.metric_table import METRICS, MetricRow
from edge_agent.ports import Snapshot

#: Upper bounds of the exported histograms in seconds; the fine ones behind are right to 2.5 %.
BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class SnapshotCollector(Collector):
    """Turns one snapshot into all metrics, at each scrape."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of `METRICS`, also those that have no rows now."""
        snapshot = self._snapshot()
        for metric in METRICS:
            family = _family(metric)
            for labels, value in metric.rows(snapshot):
                texts = [str(label) for label in labels]
                if isinstance(family, HistogramMetricFamily):
                    family.add_metric(texts, cumulative(value["buckets"]), value["sum"])
                else:
                    family.add_metric(texts, float(value))
            yield family


def registry_of(snapshot: Snapshot) -> CollectorRegistry:
    """Return a registry with the agent's metrics and no others."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SnapshotCollector(snapshot))
    return registry


def cumulative(buckets: dict[str, int]) -> list[tuple[str, float]]:
    """Return (upper bound, how many up to it) for each of `BOUNDS_S` and for all."""
    middles = [(seconds_of(int(bucket)), count) for bucket, count in buckets.items()]
    rows = [(str(b), float(sum(n for s, n in middles if s <= b))) for b in BOUNDS_S]
    return [*rows, ("+Inf", float(sum(buckets.values())))]


def _family(
    metric: MetricRow,
) -> CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily:
    if metric.kind == "counter":
        return CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    if metric.kind == "gauge":
        return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    return HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
