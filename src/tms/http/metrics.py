"""What the process tells about itself at `/metrics`, in Prometheus' text format: numbers, never anything of people.

Each process counts its own requests; who runs several (`tms serve --workers N`) reads sums over many scrapes.
"""

from collections.abc import Iterator

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tms import __version__
from tms.platform import db

# A count for each state; work that is done leaves the table, so it is small.
_JOBS = text("SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY status")
_OLDEST = text(
    "SELECT extract(epoch FROM now() - min(coalesce(j.scheduled_at, e.at)))::float FROM procrastinate_jobs j "
    "JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred' "
    "WHERE j.status = 'todo' AND coalesce(j.scheduled_at, now()) <= now()"
)
STATES = ("todo", "doing", "failed")


class _Moment(Collector):
    """What is asked for when somebody looks."""

    def __init__(self, jobs: dict[str, int] | None, oldest: float) -> None:
        self.jobs = jobs
        self.oldest = oldest

    def collect(self) -> Iterator[Metric]:
        """The values of this moment."""
        yield InfoMetricFamily("tms_build", "What runs here.", {"version": __version__})
        connections = GaugeMetricFamily(
            "tms_db_connections", "Connections of this process's pools.", labels=["pool", "state"]
        )
        for name, use in db.pools().items():
            connections.add_metric([name, "used"], use.used)
            connections.add_metric([name, "open"], use.open)
            connections.add_metric([name, "most"], use.most)
        yield connections
        yield GaugeMetricFamily("tms_db_up", "1 where the database answers.", 0 if self.jobs is None else 1)
        if self.jobs is None:
            return
        depth = GaugeMetricFamily("tms_jobs", "Jobs of all processes, by state.", labels=["state"])
        for state in STATES:
            depth.add_metric([state], self.jobs.get(state, 0))
        yield depth
        yield GaugeMetricFamily(
            "tms_jobs_oldest_due_seconds", "How long the oldest job that is due has waited.", self.oldest
        )


async def exposition() -> bytes:
    """All metrics as text. Without the database those of the process still come."""
    jobs: dict[str, int] | None = None
    oldest = 0.0
    try:
        async with db.reading() as session:
            jobs = {row[0]: row[1] for row in await session.execute(_JOBS)}
            oldest = (await session.execute(_OLDEST)).scalar_one_or_none() or 0.0
    except SQLAlchemyError:
        jobs = None
    momentary = CollectorRegistry(auto_describe=False)
    momentary.register(_Moment(jobs, max(oldest, 0.0)))
    return generate_latest(REGISTRY) + generate_latest(momentary)
