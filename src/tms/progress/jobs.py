"""Brings learners' counters up to date after a course's outline has changed."""

from uuid import UUID

from tms.platform import db, queue
from tms.progress import service


@queue.job("progress.refresh_course", retry=queue.PATIENT)
async def refresh_course(course_id: str) -> None:
    """Count the learners of one course anew, in chunks; asked for by whoever changes its sections."""
    course = UUID(course_id)
    async with db.transaction() as session:
        await service.wait_for_editors(session, course)
    refreshed = 1
    while refreshed:
        async with db.transaction() as session:
            refreshed = await service.refresh_some(session, course)


@queue.job("progress.refresh_courses", periodic="17 3 * * *")
async def refresh_courses(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """Once a night, whatever was left old: assignments opened again, and refreshings that failed for good."""
    async with db.reading() as session:
        courses = await service.courses_to_refresh(session)
    for course in courses:
        async with db.transaction() as session:
            await queue.enqueue(
                session, "progress.refresh_course", unique=f"progress.refresh:{course}", course_id=str(course)
            )
