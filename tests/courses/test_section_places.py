"""Whatever is added, moved, ordered and removed: the places are those of a plain list."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.courses.conftest import COURSE

PLACE = st.one_of(st.none(), st.integers(1, 9))
STEP = st.one_of(
    st.tuples(st.just("add"), PLACE),
    st.tuples(st.just("move"), st.integers(0, 8), st.integers(1, 9)),
    st.tuples(st.just("remove"), st.integers(0, 8)),
    st.tuples(st.just("order"), st.randoms(use_true_random=False)),
)


async def take(admin, path, step, model, number):
    """One step through the API and on the list `model` of ids."""
    kind, *values = step
    if kind == "add":
        (place,) = values
        body = {"title": f"Section {number}", "orderIndex": place}
        made = (await admin.post(path, body))["data"]
        model.insert(len(model) if place is None else place - 1, made["id"])
        assert made["orderIndex"] == model.index(made["id"]) + 1
    elif kind == "order":
        values[0].shuffle(model)
        await admin.put(f"{path}/order", {"sectionIds": model})
    elif model:
        section_id = model.pop(values[0] % len(model))
        if kind == "move":
            model.insert(values[1] - 1, section_id)
            await admin.patch(f"{path}/{section_id}", {"orderIndex": values[1]})
        else:
            await admin.delete(f"{path}/{section_id}")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 6), steps=st.lists(STEP, min_size=1, max_size=10))
async def test_places_are_those_of_a_list(admin, start, steps):
    course_id = (await admin.post("/courses", COURSE, status=201))["data"]["id"]
    model = []
    for number, step in enumerate([("add", None)] * start + steps):
        await take(admin, f"/courses/{course_id}/sections", step, model, number)
    course = (await admin.get(f"/courses/{course_id}?include_sections=true"))["data"]
    assert [section["id"] for section in course["sections"]] == model
    assert [section["orderIndex"] for section in course["sections"]] == list(range(1, len(model) + 1))
    assert course["totalSections"] == len(model)
