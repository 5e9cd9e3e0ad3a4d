"""Prometheus metrics of a run that goes on: `pmp run BUNDLE --metrics PORT`.

Names and units follow Prometheus' conventions, the buckets of durations are those that OpenTelemetry gives to
`http.client.request.duration`. No label has unbounded values: never a user, a pair or a message.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import polars as pl
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily

from pmplab._version import __version__
from pmplab.analysis import latency
from pmplab.errors import UsageError
from pmplab.workbook.ends import ended
from pmplab.workbook.tailing import Tail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from prometheus_client.metrics_core import Metric

    from pmplab._run import Run

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper ends of the buckets of durations, s."""

_GROUPS = {
    "executing.running_action": ("running_action", "in_flight"),
    "executing.waiting_resource": ("waiting_resource",),
    "executing.throttled": ("throttled",),
}
_COLUMNS = (
    "scenario", "node", "call", "event", "class", "error_type", "t_intended", "t_end", "bytes_sent", "bytes_received",
)  # fmt: skip


class RunMetrics:
    """A collector for `prometheus_client`: what a run recorded up to the moment it is asked."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._tail = Tail(run.dir, "actions", _COLUMNS)
        self._lock = threading.Lock()
        self._events: Counter[tuple[str, ...]] = Counter()
        self._errors: Counter[tuple[str, ...]] = Counter()
        self._buckets: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        self._bytes: Counter[str] = Counter()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics. Called by the registry for each scrape."""
        with self._lock:
            for rows in self._tail.read():
                self._take(rows)
            yield from self._recorded()
        yield from self._now()

    def _take(self, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        text = rows.with_columns(pl.col("scenario", "node", "call", "event", "class", "error_type").cast(pl.String))
        end = pl.when(ended("cancelled")).then(pl.lit("cancelled")).otherwise("event").alias("event")
        for scenario, node, call, event, count in text.group_by("scenario", "node", "call", end).len().rows():
            self._events[scenario, node, call, event] += count
        wrong = text.filter(pl.col("event") != "success")
        for node, kind, whose, count in wrong.group_by("node", "error_type", "class").len().rows():
            self._errors[node, kind or "other", whose or "cancelled"] += count
        self._bytes["sent"] += int(rows["bytes_sent"].sum())
        self._bytes["received"] += int(rows["bytes_received"].sum())
        time = (latency.response() / 1e9).clip(0)
        timed = text.filter(latency.measured()).select("scenario", "node", time.alias("s"))
        for names, group in timed.group_by("scenario", "node"):
            key = tuple(map(str, names))
            counts = self._buckets.setdefault(key, [0] * (len(BUCKETS) + 1))
            for place, edge in enumerate(BUCKETS):
                counts[place] += int((group["s"] <= edge).sum())
            counts[-1] += group.height
            self._sums[key] = self._sums.get(key, 0.0) + float(group["s"].sum())

    def _recorded(self) -> Iterator[Metric]:
        done = CounterMetricFamily(
            "pmplab_actions", "Attempts of actions that ended.", labels=("scenario", "node", "call", "event")
        )
        for labels, count in self._events.items():
            done.add_metric(labels, count)
        yield done
        errors = CounterMetricFamily("pmplab_errors", "Attempts that did not succeed.", labels=("node", "error_type", "class"))
        for about, count in self._errors.items():
            errors.add_metric(about, count)
        yield errors
        times = HistogramMetricFamily(
            "pmplab_response_duration_seconds",
            "Response time of attempts, from when they were due to their last byte.",
            labels=("scenario", "node"),
        )
        for key, counts in self._buckets.items():
            edges = [*map(str, BUCKETS), "+Inf"]
            times.add_metric(key, list(zip(edges, counts, strict=True)), self._sums[key])
        yield times
        moved = CounterMetricFamily("pmplab_transferred_bytes", "Bytes of actions.", labels=("direction",))
        for direction, count in self._bytes.items():
            moved.add_metric((direction,), count)
        yield moved

    def _now(self) -> Iterator[Metric]:
        progress: dict[str, Any] = self._run.progress or {}
        scenarios = progress.get("scenarios") or []
        users = GaugeMetricFamily("pmplab_users", "Users by process group and sub-state.", labels=("scenario", "process_group"))
        planned = GaugeMetricFamily("pmplab_planned_users", "Users that the plan wants by now.", labels=("scenario",))
        flight = GaugeMetricFamily("pmplab_in_flight_actions", "Actions in flight.", labels=("scenario",))
        dropped = CounterMetricFamily("pmplab_dropped_arrivals", "Arrivals that found no user.", labels=("scenario",))
        tasks = CounterMetricFamily("pmplab_tasks", "Tasks that ended.", labels=("scenario",))
        for one in scenarios:
            name = str(one.get("name"))
            online, stopping = int(one.get("online") or 0), int(one.get("stop") or 0)
            rest = online
            for group, keys in _GROUPS.items():
                count = next((int(one[key]) for key in keys if one.get(key) is not None), 0)
                users.add_metric((name, group), min(count, rest))
                rest -= min(count, rest)
            users.add_metric((name, "executing.blocked"), rest)
            users.add_metric((name, "monitoring"), stopping)
            offline = int(one.get("offline") or 0)
            users.add_metric((name, "initiating"), max(int(one.get("planned") or 0) - online - stopping - offline, 0))
            users.add_metric((name, "closing"), offline)
            planned.add_metric((name,), int(one.get("planned") or 0))
            flight.add_metric((name,), int(one.get("in_flight") or 0))
            dropped.add_metric((name,), int(one.get("dropped") or 0))
            tasks.add_metric((name,), int(one.get("tasks_done") or 0))
        yield from (users, planned, flight, dropped, tasks)
        leases = progress.get("leases") or {}
        live = GaugeMetricFamily("pmplab_live_leases", "Leases that are held.")
        live.add_metric((), int(leases.get("live") or 0))
        yield live
        lag = GaugeMetricFamily("pmplab_scheduler_lag_seconds", "How late the latest tick was.")
        last = self._run.frames.load.select(pl.col("tick_lag").last()).collect()
        lag.add_metric((), (last.item() or 0) / 1e9 if last.height else 0.0)
        yield lag
        going = GaugeMetricFamily("pmplab_running", "1 while the run goes on.")
        going.add_metric((), float(self._run.status == "running"))
        yield going
        about = InfoMetricFamily("pmplab_run", "The run.")
        about.add_metric((), {"run_id": self._run.id, "version": __version__})
        yield about
        build = InfoMetricFamily("pmplab_build", "The version of pmplab that is running.")
        build.add_metric((), {"version": __version__})
        yield build


def _at_its_place(metrics: Any) -> Any:
    """Return an application that answers `/metrics` and `/` with `metrics`, and nothing else."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("PATH_INFO") in {"/metrics", "/", ""}:
            return metrics(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"metrics are at /metrics\n"]

    return app


class Exporter:
    """Serves the metrics of a run on a port of loopback until it is closed. A context manager.

    The port is taken at once, so that a run whose metrics cannot be served need not begin; `show` says which run it is.
    """

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self._registry = CollectorRegistry()
        try:
            self._server, self._thread = start_http_server(port, addr=address, registry=self._registry)
        except OSError as error:
            message = f"metrics cannot be served on port {port}: {error.strerror}"
            raise UsageError(message, place="--metrics", help="another port, or 0 for any") from None
        self._server.set_app(_at_its_place(self._server.get_app()))
        self.port: int = self._server.server_port
        self.url = f"http://{address}:{self.port}/metrics"

    def show(self, run: Run) -> Self:
        """Serve the metrics of this run from now on."""
        self._registry.register(RunMetrics(run))
        return self

    def close_after(self, run: Run) -> None:
        """Close by itself once the run has ended, without waiting for it here."""

        def wait() -> None:
            run.wait()
            self.close()

        threading.Thread(target=wait, name="pmplab-metrics", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
