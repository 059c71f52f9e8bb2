"""Jobs of workers that died are run again, all of them, whatever stands in line by then."""

import psycopg

from tms.operations import jobs as operations_jobs
from tms.platform import queue

STALLED = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, status)
    VALUES ('default', %(task)s, %(lock)s, '{}', %(status)s)
"""


async def test_a_dead_job_whose_like_waits_does_not_keep_the_others_from_being_rescued(database):
    rows = [("content.resume", "content.resume", "doing"), ("content.resume", "content.resume", "todo")]
    rows += [("identity.provision", None, "doing"), ("content.sweep", "content.sweep", "doing")]
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        for task, lock, status in rows:
            await connection.execute(STALLED, {"task": task, "lock": lock, "status": status})
        async with queue.opened():
            stalled = list(await queue.jobs_at_work().get_stalled_jobs(seconds_since_heartbeat=1))
            await operations_jobs.rescue_jobs(0)
            # Whoever found the same ones in the same moment comes too late, and that is no error.
            assert len(stalled) == 3
            for job in stalled:
                await queue.run_again(job)
        found = await (
            await connection.execute(
                "SELECT task_name, status::text FROM procrastinate_jobs ORDER BY task_name"
            )
        ).fetchall()
    assert found == [("content.resume", "todo"), ("content.sweep", "todo"), ("identity.provision", "todo")]
