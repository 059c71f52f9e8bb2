"""An administrator who plans batches, and what tests of batches need beside that."""

UNKNOWN = "0192f0c1-2345-7abc-8def-0123456789ab"


class Planner:
    """An administrator at work."""

    def __init__(self, people, admin):
        self.people = people
        self.admin = admin

    async def batch(self, **fields):
        wanted = {"name": "Spring intake", "startDate": "2026-03-02", "endDate": "2026-06-26", **fields}
        return (await self.admin.post("/batches", wanted, status=201))["data"]

    async def course(self, title="Safety at work", *, sections=1, status="published"):
        wanted = {
            "title": title,
            "description": "What everybody must know.",
            "category": "Safety",
            "templateType": "text-only",
            "difficulty": "beginner",
            "estimatedDuration": 2,
        }
        course = (await self.admin.post("/courses", wanted, status=201))["data"]
        for number in range(1, sections + 1):
            await self.admin.post(
                f"/courses/{course['id']}/sections", {"title": f"Part {number}", "content": "<p>.</p>"}
            )
        if status in {"published", "archived"}:
            await self.admin.put(f"/courses/{course['id']}/publish")
        if status == "archived":
            await self.admin.put(f"/courses/{course['id']}/archive")
        return course["id"]

    async def students(self, number):
        return [await self.people.student() for _ in range(number)]

    async def join(self, batch, *students, status=201):
        return await self.admin.post(
            f"/batches/{batch['id']}/students",
            {"studentIds": [str(one.id) for one in students]},
            status=status,
        )

    async def give(self, batch, course_id, due=None, status=200):
        return await self.admin.put(
            f"/batches/{batch['id']}/courses/{course_id}", {"dueDate": due} if due else {}, status=status
        )

    async def runs(self, batch, trainer):
        await self.admin.put(f"/batches/{batch['id']}/trainers/{trainer.id}")

    async def assigned(self, student, **filters):
        found = await self.admin.get("/assignments", params={"student": str(student.id), **filters})
        return {row["courseId"]: row for row in found["data"]}
