"""Jobs of students; each looks at the state it acts on, so that running twice is safe."""

from uuid import UUID

from tms.platform import queue
from tms.students import erasure


@queue.job("students.finish_erasure", retry=queue.PATIENT)
async def finish_erasure(user_id: str) -> None:
    """Remove what is left of somebody who was erased."""
    await erasure.finish(UUID(user_id))


@queue.job("students.resume_erasures", periodic="23 * * * *")
async def resume_erasures(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """No erasure stays half done because its job has used up its tries."""
    await erasure.resume()
