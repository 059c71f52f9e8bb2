"""The door: tokens, sizes, unknown addresses."""


async def test_the_name_is_told_to_anybody(client):
    answer = await client.get("/")
    assert answer.status_code == 200
    assert answer.json() == {"message": "Training Management System API", "version": "0.1.0"}
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_ready_means_that_the_database_is_up_to_date(client):
    assert (await client.get("/ready")).json() == {"status": "ok"}


async def test_an_unknown_address_is_a_problem_document(client):
    answer = await client.get("/api/v1/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"
    assert answer.json()["requestId"] == answer.headers["x-request-id"]


async def test_a_route_asks_for_a_token(client):
    answer = await client.get("/api/v1/jobs/0192f0c1-2345-7abc-8def-0123456789ab")
    assert answer.status_code == 401
    assert answer.json()["code"] == "no_token"
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_what_does_not_exist_is_not_found(people):
    admin = await people.admin()
    problem = await admin.get("/jobs/0192f0c1-2345-7abc-8def-0123456789ab", status=404)
    assert problem["success"] is False


async def test_an_odd_spelling_of_an_id_is_refused(people):
    admin = await people.admin()
    for odd in ("nonsense", "0192F0C1-2345-7ABC-8DEF-0123456789AB", "0192f0c123457abc8def0123456789ab"):
        problem = await admin.get(f"/jobs/{odd}", status=400)
        assert problem["code"] == "invalid_id"


async def test_a_student_does_not_pass_a_staff_door(people):
    student = await people.student()
    problem = await student.get("/jobs/0192f0c1-2345-7abc-8def-0123456789ab", status=403)
    assert problem["code"] == "forbidden"
