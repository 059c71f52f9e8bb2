"""Any sequence of editions, with learners who go on learning: ids, order and progress are those of a naive model."""

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.content.editing import waiting
from tests.content.test_editions import done, ids_by_title, outline, progress, sound  # noqa: F401 - a fixture
from tests.progress.learning import make_course

# Lessons that differ enough to be told apart: each has words of its own.
WORDS = {
    number: " ".join(f"{letter}{number}x{at}" for at, letter in enumerate("abcdefghijklmnop"))
    for number in range(8)
}
LESSON = st.tuples(st.integers(0, 7), st.booleans(), st.booleans())
EDITION = st.lists(LESSON, min_size=1, max_size=7, unique_by=lambda lesson: lesson[0])


def lesson(number, renamed, revised):
    """Title and content; a lesson is renamed or revised, not both, which would be another one to anybody."""
    title = f"Lesson {number}" + (" anew" if renamed else "")
    words = WORDS[number] + (" and a sentence that was added" if revised and not renamed else "")
    return title, f"<p>{words}</p>"


@settings(
    max_examples=15,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes with a real database
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(editions=st.lists(EDITION, min_size=2, max_size=4), marks=st.lists(st.integers(0, 6), max_size=4))
async def test_kept_ids_order_and_progress(admin, people, sound, editions, marks):  # noqa: F811 - the fixture
    course = (await make_course(by=admin, status="draft")).id
    learner = await people.student()
    ids, completed, previous = {}, set(), None
    for edition in editions:
        upload = await waiting(course, admin, [lesson(*one) for one in edition], replaces=previous)
        preview = (await admin.post(f"/uploads/{upload}/preview", {}))["data"]
        numbers = [number for number, _, _ in edition]
        vanishing = completed - set(numbers)
        if previous is not None:
            assert preview["completedVanishing"] == bool(vanishing)
        await admin.post(f"/uploads/{upload}/apply", {})
        now = await outline(admin, course)
        assert [section["title"] for section in now] == [lesson(*one)[0] for one in edition]
        assert [section["content"] for section in now] == [lesson(*one)[1] for one in edition]
        for number, section in zip(numbers, now, strict=True):
            # Who was in the edition before keeps the id; who comes back after an absence is new.
            assert section["id"] == ids.get(number, section["id"])
        fresh = {number for number in numbers if number not in ids}
        assert not {section["id"] for section in now} & {ids[n] for n in ids if n not in numbers}
        ids = {number: section["id"] for number, section in zip(numbers, now, strict=True)}
        completed = {number for number in completed if number in ids and number not in fresh}
        if previous is None:
            await admin.put(f"/courses/{course}/publish")
            body = {"studentIds": [str(learner.id)]}
            await admin.post(f"/courses/{course}/assignments", body, status=201)
        for at in marks:
            if at < len(numbers) and len(completed | {numbers[at]}) < len(numbers):
                await learner.put(f"/progress/sections/{ids[numbers[at]]}", {"completed": True})
                completed.add(numbers[at])
        shown = await progress(learner)
        if shown[0] < 100:
            assert shown == (len(completed) * 100 // len(ids), len(completed), len(ids))
        else:
            assert completed == set(ids)
        previous = upload
    await sound()
