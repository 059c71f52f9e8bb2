"""A world for the fuzzer: things of every kind, and who may ask for them, so that random requests reach the logic."""

from urllib.parse import parse_qs, urlsplit

from tests.content.documents import PNG, pack, parts, picture, relations
from tests.content.editing import waiting, work_of
from tests.people import API

COURSE = {
    "title": "Safety at work",
    "description": "What everybody must know.",
    "category": "Safety",
    "templateType": "text-only",
    "difficulty": "beginner",
    "estimatedDuration": 2,
}
BATCH = {"name": "Spring intake", "startDate": "2026-03-02", "endDate": "2099-06-26"}


class World:
    """People of each role at work; `pools` says which real ids may stand in for generated ones."""

    def __init__(self, people, run_jobs, tmp_path, size=12):
        self.people, self.run_jobs, self.tmp_path, self.size = people, run_jobs, tmp_path, size
        self.pools = {}
        self.orders = {}

    def know(self, names, *ids):
        self.pools.setdefault(names, []).append([str(one) for one in ids])

    async def build(self):
        self.admin = await self.people.admin()
        self.trainer = await self.people.trainer()
        self.student = await self.people.student()
        self.staff = [await self.people.trainer() for _ in range(self.size)]
        self.students = [await self.people.student() for _ in range(self.size)]
        for one in self.staff + self.students:
            self.know("user_id", one.id)
        for one in [self.student, *self.students]:
            self.know("student_id", one.id)
        courses = [await self._course(number) for number in range(self.size)]
        batches = [await self._batch(number, courses) for number in range(self.size)]
        for batch in batches:
            self.know("batch_id", batch)
        await self._members(batches)
        await self._assignments(courses)
        for number in range(min(self.size, 10)):
            await self._enrol(number, batches[number])
        await self._documents(courses)
        await self._kept()
        await self.run_jobs()
        for row in (await self.admin.get("/emails?limit=50"))["data"]:
            self.know("email_id", row["id"])

    async def _course(self, number):
        course = (await self.admin.post("/courses", COURSE, status=201))["data"]["id"]
        sections = []
        for part in range(3):
            body = {"title": f"Part {part}", "content": "<p>.</p>"}
            sections.append((await self.admin.post(f"/courses/{course}/sections", body))["data"]["id"])
            self.know("course_id,section_id", course, sections[-1])
        self.know("course_id", course)
        self.orders[course] = sections
        if number % 3:
            await self.admin.put(f"/courses/{course}/publish")
            for section in sections:
                self.know("section_id", section)
        if number % 2:
            await self.admin.put(f"/courses/{course}/trainers/{self.trainer.id}")
        for one in self.staff[:2]:
            await self.admin.put(f"/courses/{course}/trainers/{one.id}")
            self.know("course_id,user_id", course, one.id)
        return course

    async def _batch(self, number, courses):
        batch = (await self.admin.post("/batches", BATCH, status=201))["data"]["id"]
        if number % 2:
            await self.admin.put(f"/batches/{batch}/trainers/{self.trainer.id}")
        self.know("batch_id,user_id", batch, self.staff[number].id)
        published = [course for place, course in enumerate(courses) if place % 3]
        for course in published[:3]:
            await self.admin.put(f"/batches/{batch}/courses/{course}", {})
            self.know("batch_id,course_id", batch, course)
        return batch

    async def _members(self, batches):
        for number, batch in enumerate(batches):
            chosen = [self.student, self.students[number], self.students[number - 1]]
            ids = [str(one.id) for one in chosen]
            await self.admin.post(f"/batches/{batch}/students", {"studentIds": ids}, status=201)
            for one in chosen[1:]:
                self.know("batch_id,student_id", batch, one.id)

    async def _assignments(self, courses):
        ids = [str(one.id) for one in [self.student, self.trainer, *self.students]]
        for course in courses[1::3]:
            given = await self.admin.post(
                f"/courses/{course}/assignments", {"studentIds": ids, "dueDate": "2099-01-01"}, status=201
            )
            for row in given["data"]:
                self.know("assignment_id", row["id"])
            for one in [self.student, *self.students]:
                self.know("course_id,student_id", course, one.id)

    async def _enrol(self, number, batch):
        body = {
            "firstName": "Ada",
            "lastName": "Example",
            "email": f"ada{number}@example.org",
            "batchId": batch,
        }
        enrolled = await self.admin.post("/students/enroll", body)
        self.know("student_id", enrolled["data"]["userId"])

    async def _kept(self):
        """Things for the operations that use them up, or that need them to be untouched; nobody else is given them."""
        for _ in range(self.size):
            draft = (await self.admin.post("/courses", COURSE, status=201))["data"]["id"]
            self.know(f"DELETE {API}/courses/{{course_id}}", draft)
            stuck = await self.people.student(status="provisioning")
            self.know(f"POST {API}/users/{{user_id}}/retry-provisioning", stuck.id)
            changed = await self.people.trainer()
            self.know(f"PATCH {API}/users/{{user_id}}", changed.id)
            ordered = (await self.admin.post("/courses", COURSE, status=201))["data"]["id"]
            body = {"title": "Part", "content": "<p>.</p>"}
            section = (await self.admin.post(f"/courses/{ordered}/sections", body))["data"]["id"]
            self.know(f"PUT {API}/courses/{{course_id}}/sections/order", ordered)
            self.know(f"POST {API}/courses/{{course_id}}/upload-content", ordered)
            self.know(f"POST {API}/courses/{{course_id}}/media", ordered)
            self.orders[ordered] = [section]
            for operation in ("DELETE {}", "POST {}/preview", "POST {}/apply"):
                outline = await waiting(ordered, self.admin, [("Part", "<p>.</p>")])
                self.know(operation.format(f"{API}/uploads/{{upload_id}}"), outline)
            reading = await waiting(ordered, self.admin, [], status="processing")
            self.know(f"POST {API}/jobs/{{job_id}}/cancel", work_of(reading))
            await self._seat()

    async def _seat(self):
        """A batch to join, and a seat to move from."""
        joined, left = [
            (await self.admin.post("/batches", BATCH, status=201))["data"]["id"] for _ in range(2)
        ]
        self.know(f"POST {API}/batches/{{batch_id}}/students", joined)
        mover = await self.people.student()
        await self.admin.post(f"/batches/{left}/students", {"studentIds": [str(mover.id)]}, status=201)
        self.know(f"POST {API}/batches/{{batch_id}}/students/{{student_id}}/move", left, mover.id)

    async def _documents(self, courses):
        members = {RELATIONS: relations(rId5=("image", "media/a.png")), "word/media/a.png": PNG}
        path = pack(self.tmp_path / "made.docx", parts(picture("rId5"), **members))
        self.document = path.read_bytes()
        uploads = ((self.admin, courses[0]), (self.trainer, courses[1]))
        for uploader, course in uploads:
            files = {"file": ("made.docx", self.document)}
            made = await uploader.post(f"/courses/{course}/upload-content", files=files)
            self.know("job_id", made["data"]["jobId"])
        found = (await self.admin.get(f"/courses/{courses[0]}?include_sections=true"))["data"]["sections"]
        content = "".join(section["content"] or "" for section in found)
        self.orders[courses[0]] = [section["id"] for section in found]
        address = urlsplit(content.partition('src="')[2].partition('"')[0].replace("&amp;", "&"))
        self.know("media_id", address.path.rpartition("/")[2])
        self.signature = parse_qs(address.query)["signature"][0]

    def token(self, role):
        return None if role == "anonymous" else getattr(self, role).token

    def told(self):
        """What the fuzzer's hooks are told, as JSON."""
        return {
            "pools": self.pools,
            "orders": self.orders,
            "signature": self.signature,
            "document": self.document.hex(),
        }


RELATIONS = "word/_rels/document.xml.rels"
