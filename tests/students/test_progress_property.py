"""Any sequence of edits, marks, moves and withdrawals: every answer has the numbers of a naive recount."""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tms import app
from tms.operations import doctor
from tms.progress import jobs
from tms.progress.doctor import CHECKS

SMALL = st.integers(0, 5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("mark"), st.integers(0, 1), SMALL, st.booleans()),
        st.tuples(st.just("mark"), st.integers(0, 1), SMALL, st.booleans()),
        st.tuples(st.just("mark_removed"), st.integers(0, 1)),
        st.tuples(st.just("add"), SMALL, st.sampled_from(["self", "viewed"])),
        st.tuples(st.just("remove"), SMALL),
        st.tuples(st.just("move_section"), SMALL, SMALL),
        st.tuples(st.just("reverse")),
        st.tuples(st.just("archive")),
        st.tuples(st.just("publish")),
        st.tuples(st.just("move"), st.integers(0, 1)),
        st.tuples(st.just("leave"), st.integers(0, 1)),
        st.tuples(st.just("join"), st.integers(0, 1)),
        st.tuples(st.just("assign"), st.integers(0, 1)),
        st.tuples(st.just("withdraw"), st.integers(0, 1)),
        st.tuples(st.just("waive"), st.integers(0, 1), st.booleans()),
        st.tuples(st.just("refresh")),
    ),
    min_size=4,
    max_size=18,
)


@dataclass
class Learner:
    """What one person did, and why they have the course: the batches' places in the list of batches, or `hand`."""

    client: object
    sources: set = field(default_factory=lambda: {0})
    batch: int | None = 0
    done: set = field(default_factory=set)
    opened: bool = False
    completed: bool = False
    waived: bool = False

    def reopened(self, before):
        if not before and self.sources:
            self.waived = False


class Story:
    """The course as a list, its learners as sets, and the same through the API."""

    def __init__(self, admin, learners):
        self.admin = admin
        self.learners = [Learner(client) for client in learners]
        self.live = []
        self.kinds = {}
        self.removed = []
        self.archived = False

    async def begin(self):
        body = {
            "title": "Course",
            "category": "All",
            "templateType": "text-only",
            "difficulty": "easy",
            "estimatedDuration": 1,
        }
        self.course = (await self.admin.post("/courses", body, status=201))["data"]["id"]
        for kind in ("self", "viewed", "self"):
            await self.add(9, kind)
        await self.admin.put(f"/courses/{self.course}/publish")
        self.batches = []
        for name in ("A", "B"):
            body = {"name": name, "startDate": "2026-01-01", "endDate": "2030-01-01"}
            batch = (await self.admin.post("/batches", body, status=201))["data"]["id"]
            await self.admin.put(f"/batches/{batch}/courses/{self.course}", {})
            self.batches.append(batch)
        members = {"studentIds": [str(learner.client.id) for learner in self.learners]}
        await self.admin.post(f"/batches/{self.batches[0]}/students", members, status=201)

    async def add(self, place, kind):
        body = {"title": "Section", "orderIndex": place + 1, "completion": kind}
        section = (await self.admin.post(f"/courses/{self.course}/sections", body))["data"]["id"]
        self.live.insert(place, section)
        self.kinds[section] = kind

    async def remove(self, place):
        if not self.live:
            return
        section = self.live[place % len(self.live)]
        refused = len(self.live) == 1 and not self.archived
        await self.admin.delete(f"/courses/{self.course}/sections/{section}", status=409 if refused else 200)
        if not refused:
            self.live.remove(section)
            self.removed.append(section)

    async def move_section(self, place, target):
        if not self.live:
            return
        section = self.live.pop(place % len(self.live))
        body = {"orderIndex": target + 1}
        await self.admin.patch(f"/courses/{self.course}/sections/{section}", body)
        self.live.insert(target, section)

    async def reverse(self):
        if self.live:
            self.live.reverse()
            await self.admin.put(f"/courses/{self.course}/sections/order", {"sectionIds": self.live})

    async def archive(self):
        await self.admin.put(f"/courses/{self.course}/archive")
        self.archived = True

    async def publish(self):
        await self.admin.put(f"/courses/{self.course}/publish", status=200 if self.live else 400)
        self.archived = self.archived and not self.live

    async def mark(self, who, place, completed):
        if not self.live:
            return
        learner, section = self.learners[who], self.live[place % len(self.live)]
        for _ in range(2):
            answer = await learner.client.put(
                f"/progress/sections/{section}",
                {"completed": completed},
                status=200 if learner.sources else 404,
            )
        if learner.sources:
            learner.opened = True
            if completed or self.kinds[section] == "viewed":
                learner.done.add(section)
            learner.completed = learner.completed or set(self.live) <= learner.done
            shown = {"courseId": self.course, **self.expected(learner)}
            shown["completedAt"] = answer["data"]["course"]["completedAt"]
            assert answer["data"]["course"] == shown
            assert (shown["completedAt"] is not None) == learner.completed

    async def mark_removed(self, who):
        for section in self.removed:
            await self.learners[who].client.put(
                f"/progress/sections/{section}", {"completed": True}, status=404
            )

    def _given(self, learner, source, *, dropped=None):
        """A new source; of an archived course only for who has it already."""
        before = set(learner.sources)
        if before or not self.archived:
            learner.sources.add(source)
        learner.sources.discard(dropped)
        learner.reopened(before)

    async def move(self, who):
        learner = self.learners[who]
        if learner.batch is None:
            return
        old, new = learner.batch, 1 - learner.batch
        path = f"/batches/{self.batches[old]}/students/{learner.client.id}/move"
        await self.admin.post(path, {"toBatchId": self.batches[new]})
        learner.batch = new
        self._given(learner, new, dropped=old)

    async def leave(self, who):
        learner = self.learners[who]
        if learner.batch is not None:
            await self.admin.delete(f"/batches/{self.batches[learner.batch]}/students/{learner.client.id}")
            learner.sources.discard(learner.batch)
            learner.batch = None

    async def join(self, who):
        learner = self.learners[who]
        if learner.batch is None:
            body = {"studentIds": [str(learner.client.id)]}
            await self.admin.post(f"/batches/{self.batches[0]}/students", body, status=201)
            learner.batch = 0
            self._given(learner, 0)

    async def assign(self, who):
        learner = self.learners[who]
        body = {"studentIds": [str(learner.client.id)]}
        status = 409 if self.archived else 201
        await self.admin.post(f"/courses/{self.course}/assignments", body, status=status)
        if not self.archived:
            self._given(learner, "hand")

    async def _assignment(self, learner):
        wanted = {"student": str(learner.client.id), "course": self.course, "closed": True}
        (row,) = (await self.admin.get("/assignments", params=wanted))["data"]
        return row["id"]

    async def withdraw(self, who):
        learner = self.learners[who]
        if "hand" in learner.sources:
            await self.admin.delete(f"/assignments/{await self._assignment(learner)}")
            learner.sources.discard("hand")

    async def waive(self, who, waived):
        learner = self.learners[who]
        if learner.sources:
            await self.admin.patch(f"/assignments/{await self._assignment(learner)}", {"waived": waived})
            learner.waived = waived

    async def refresh(self):
        await jobs.refresh_course(self.course)
        for learner in self.learners:
            if learner.sources and learner.opened and self.live and set(self.live) <= learner.done:
                learner.completed = True

    def expected(self, learner):
        done, total = len(learner.done & set(self.live)), len(self.live)
        complete = learner.completed or (total > 0 and done == total)
        return {
            "progress": 100 if complete else done * 100 // max(total, 1),
            "sectionsCompleted": done,
            "totalSections": total,
            "status": "completed" if complete else "in-progress" if learner.opened else "not-started",
        }

    async def check(self):
        for learner in self.learners:
            path = f"/students/{learner.client.id}"
            overview = (await self.admin.get(path))["data"]
            found = (await learner.client.get(f"{path}/courses"))["data"]
            own = (await learner.client.get("/progress"))["data"]
            if not learner.sources:
                assert found["courses"] == own == []
                await self.admin.get(f"{path}/courses/{self.course}/progress", status=404)
                assert overview["enrolledCourses"] == 0
                continue
            detail = (await self.admin.get(f"{path}/courses/{self.course}/progress?explain=true"))["data"]
            await self._check_batch(learner)
            self._check_numbers(learner, [*found["courses"], *own, detail])
            self._check_statistics(learner, found["statistics"], overview)
            sections = detail["sections"]
            assert [row["sectionId"] for row in sections] == self.live
            assert {row["sectionId"] for row in sections if row["completed"]} == learner.done & set(self.live)
        assert await doctor.examine(CHECKS) == []

    def _check_numbers(self, learner, rows):
        assert len(rows) == 3
        for row in rows:
            expected = self.expected(learner) | {"waived": learner.waived}
            assert {name: row[name] for name in expected} == expected
            assert (row["completedAt"] is not None) == learner.completed

    def _check_statistics(self, learner, statistics, overview):
        status = None if learner.waived else self.expected(learner)["status"]
        average = 0 if learner.waived else self.expected(learner)["progress"]
        assert statistics == {
            "totalEnrolled": int(not learner.waived),
            "completed": int(status == "completed"),
            "inProgress": int(status == "in-progress"),
            "notStarted": int(status == "not-started"),
            "averageProgress": average,
        }
        assert overview["enrolledCourses"] == statistics["totalEnrolled"]
        assert overview["completedCourses"] == statistics["completed"]
        assert overview["averageProgress"] == average

    async def _check_batch(self, learner):
        """A batch's view of the learner has the same numbers."""
        if learner.batch is None or learner.batch not in learner.sources:
            return
        answer = await self.admin.get(f"/batches/{self.batches[learner.batch]}/progress")
        (row,) = [row for row in answer["data"]["students"] if row["userId"] == str(learner.client.id)]
        (state,) = row["courses"]
        expected = self.expected(learner)
        assert (state["progress"], state["status"]) == (expected["progress"], expected["status"])


def _stories(number):
    return settings(
        max_examples=number,
        # Shrinking would take minutes with a real database.
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


async def _agree(people, steps):
    story = Story(await people.admin(), [await people.student(), await people.student()])
    await story.begin()
    await story.check()
    for name, *arguments in steps:
        await getattr(story, name)(*arguments)
        await story.check()
    assert await doctor.examine(app.CHECKS) == []


@_stories(6)
@given(steps=STEPS)
async def test_every_answer_agrees_with_a_naive_recount(people, steps):
    await _agree(people, steps)


@pytest.mark.long
@_stories(200)
@given(steps=STEPS)
async def test_two_hundred_stories_agree_with_a_naive_recount(people, steps):
    await _agree(people, steps)


async def test_an_edit_asks_for_the_refreshing_by_itself(people, run_jobs):
    """From the editor's request, through the queue, to the learner's completed course."""
    story = Story(await people.admin(), [await people.student(), await people.student()])
    await story.begin()
    await story.mark(0, 0, True)
    await story.mark(0, 1, True)
    await story.remove(2)
    assert not story.learners[0].completed
    await story.check()
    await run_jobs()
    story.learners[0].completed = True
    await story.check()
