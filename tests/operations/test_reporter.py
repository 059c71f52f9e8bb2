import asyncio

from tms.operations import service
from tms.platform.ids import new_id


async def test_a_reporter_tells_no_more_often_than_people_look(monkeypatch):
    told = []

    async def report(job_id, *, progress, message):
        told.append((progress, message))

    monkeypatch.setattr(service, "report", report)
    monkeypatch.setattr(service, "LOOK_EVERY_SECONDS", 0.1)
    reporter = service.Reporter(new_id())
    for number in range(50):
        await reporter.report(progress=number / 100, message=f"page {number}")
    assert told == [(0, "page 0")]
    await asyncio.sleep(0.11)
    await reporter.report(progress=0.9, message="page 90")
    assert told[1:] == [(0.9, "page 90")]
