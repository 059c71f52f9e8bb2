"""What people do while processes die, and what must be true afterwards: each story is sent, cut off, repeated, checked."""

import os
import struct
import time
import zlib
from collections import Counter
from io import BytesIO
from uuid import uuid4

import docx

from tests.crash.installation import fresh

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
COURSE = {"category": "IT", "templateType": "text-image", "difficulty": "beginner", "estimatedDuration": 8}


def _png():
    """A small picture that nobody has seen before: a file that is stored already would not be stored again."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 32, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0" + os.urandom(32))),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


class Story:
    """One thing that a client asks for. `send` may be repeated with the same key as often as needed."""

    # How many times at most the mail server may have taken one message.
    most_copies = 1

    # What a repeated request may be told besides a success.
    done_already = ()

    def __init__(self, tms):
        self.tms = tms
        self.key = fresh("key")
        self.prepare()

    def prepare(self):
        """What must be there before."""

    def send(self):
        raise AssertionError("each story sends something")

    def trigger(self):
        """What makes the worker do the work; by default the request itself."""
        answer = self.send()
        assert answer.is_success, answer.text

    def half_way(self):
        """Right after the crash: all of what one transaction holds is there, or nothing."""

    def check(self):
        """After everybody has come back."""

    def one_mail(self, template, address, words):
        """One event made one e-mail; each arrived, one of them a second time if the crash was where that may be."""
        rows = self.tms.rows("SELECT template, status, message_id FROM emails WHERE to_address = %s", address)
        kinds = Counter(row["template"] for row in rows)
        assert kinds[template] == max(kinds.values()) == 1
        assert {row["status"] for row in rows} == {"sent"}
        taken = self.tms.mails_to(address)
        assert {message["Message-ID"] for message in taken} == {row["message_id"] for row in rows}
        # A worker sends several at once, and the crash may have come between the sending and the recording of each.
        copies = Counter(message["Message-ID"] for message in taken)
        assert max(copies.values()) <= self.most_copies
        told = next(row["message_id"] for row in rows if row["template"] == template)
        for message in taken:
            if message["Message-ID"] == told:
                assert words in message.get_body(("plain",)).get_content()


class Enrolment(Story):
    """A student is taken in, with a seat and a course."""

    def prepare(self):
        self.email = f"{fresh('student')}@example.org"
        course = self.tms.done("POST", "/courses", json={"title": fresh("Course"), **COURSE})["id"]
        lesson = {"title": "One", "content": "<p>One</p>"}
        self.tms.done("POST", f"/courses/{course}/sections", json=lesson)
        self.tms.done("PUT", f"/courses/{course}/publish")
        batch = {"name": fresh("Batch"), "startDate": "2026-01-01", "endDate": "2036-01-01", "capacity": 3}
        self.batch = self.tms.done("POST", "/batches", json=batch)["id"]
        self.tms.done("PUT", f"/batches/{self.batch}/courses/{course}", json={})
        self.answer = None

    def send(self):
        body = {"firstName": "Ada", "lastName": "Example", "email": self.email, "batchId": self.batch}
        self.answer = self.tms.request("POST", "/students/enroll", key=self.key, json=body)
        return self.answer

    def facts(self):
        user = "(SELECT id FROM users WHERE email = %(email)s)"
        return self.tms.rows(
            f"""
            SELECT (SELECT count(*) FROM users WHERE email = %(email)s) AS users,
                (SELECT count(*) FROM student_batches WHERE batch_id = %(batch)s) AS seats,
                (SELECT seats_taken FROM batches WHERE id = %(batch)s) AS taken,
                (SELECT count(*) FROM course_assignments WHERE student_id = {user}) AS assignments,
                (SELECT count(*) FROM provisionings WHERE user_id = {user}) AS provisionings,
                (SELECT count(*) FROM temporary_passwords WHERE user_id = {user}) AS passwords,
                (SELECT count(*) FROM idempotency_keys WHERE key = %(key)s) AS keys,
                (SELECT count(*) FROM audit_log WHERE action = 'student.enrolled' AND object_id = {user}) AS audited
            """,  # noqa: S608 - assembled from words of this file
            email=self.email,
            batch=self.batch,
            key=self.key,
        )[0]

    def half_way(self):
        assert set(self.facts().values()) in ({0}, {1}), self.facts()

    def check(self):
        assert set(self.facts().values()) == {1}, self.facts()
        answered = self.answer.json()["data"]
        user = self.tms.rows(
            "SELECT id, student_code, status, account_id FROM users WHERE email = %s", self.email
        )
        assert [(row["student_code"], row["status"]) for row in user] == [(answered["studentId"], "active")]
        [account] = self.tms.accounts.of(self.email)
        assert (account.id, account.user_id) == (user[0]["account_id"], str(user[0]["id"]))
        assert self.tms.accounts.opens(self.email, answered["temporaryPassword"])
        self.one_mail("welcome", self.email, answered["temporaryPassword"])


class NewTrainer(Story):
    """A user who is no student."""

    def prepare(self):
        self.email = f"{fresh('trainer')}@example.org"

    def send(self):
        body = {"firstName": "Alan", "lastName": "Example", "email": self.email, "role": "trainer"}
        return self.tms.request("POST", "/users", key=self.key, json=body)

    def check(self):
        assert (
            self.tms.value("SELECT count(*) FROM users WHERE email = %s AND status = 'active'", self.email)
            == 1
        )
        assert len(self.tms.accounts.of(self.email)) == 1
        self.one_mail("welcome", self.email, self.email)


class _WithTrainer(Story):
    """What is done to somebody who is there, and whose welcome has arrived."""

    def prepare(self):
        self.email = f"{fresh('trainer')}@example.org"
        body = {"firstName": "Alan", "lastName": "Example", "email": self.email, "role": "trainer"}
        self.user = self.tms.done("POST", "/users", json=body)["id"]
        self.tms.settle()
        self.before = self.temporary_password()
        self.tms.box.envelopes.clear()
        self.tms.change("DELETE FROM emails WHERE to_address = %s", self.email)

    def temporary_password(self):
        """The present one, as the administrator is shown it in the mail."""
        mails = self.tms.done("GET", f"/emails?to={self.email}")
        words = self.tms.done("GET", f"/emails/{mails[0]['id']}")["text"]
        return words.partition("Temporary Password: ")[2].split()[0]


class Disabling(_WithTrainer):
    """Somebody is kept out, here and at the identity provider."""

    def send(self):
        return self.tms.request("POST", f"/users/{self.user}/disable", key=self.key)

    def check(self):
        assert self.tms.value("SELECT status FROM users WHERE id = %s", self.user) == "disabled"
        [account] = self.tms.accounts.of(self.email)
        assert account.enabled is False
        noted = "SELECT count(*) FROM audit_log WHERE action = 'user.disabled' AND object_id = %s"
        assert self.tms.value(noted, self.user) == 1


class NewPassword(_WithTrainer):
    """An administrator gives somebody a new temporary password."""

    def prepare(self):
        super().prepare()
        assert self.tms.accounts.opens(self.email, self.before)
        self.answer = None

    def send(self):
        self.answer = self.tms.request("POST", f"/users/{self.user}/reset-password", key=self.key)
        return self.answer

    def check(self):
        epochs = self.tms.rows(
            "SELECT epoch, applied_epoch FROM temporary_passwords WHERE user_id = %s", self.user
        )
        assert epochs == [{"epoch": 2, "applied_epoch": 2}]
        given = self.answer.json()["data"]["temporaryPassword"]
        assert not self.tms.accounts.opens(self.email, self.before)
        assert self.tms.accounts.opens(self.email, given)
        self.one_mail("password_reset_by_admin", self.email, given)


class ExpiredPassword(_WithTrainer):
    """A temporary password's time is over: it ends at the provider too."""

    def trigger(self):
        self.tms.change(
            "UPDATE temporary_passwords SET expires_at = now() - interval '1 minute' WHERE user_id = %s",
            self.user,
        )
        self.tms.defer("identity.end_expired_passwords")

    send = None

    def check(self):
        self.tms.defer("identity.end_expired_passwords")
        self.tms.settle()
        assert (
            self.tms.value("SELECT ended_at FROM temporary_passwords WHERE user_id = %s", self.user)
            is not None
        )
        assert not self.tms.accounts.opens(self.email, self.before)


class NewCourse(Story):
    """What touches nothing but the database."""

    def prepare(self):
        self.title = fresh("Course")
        self.answers = []

    def send(self):
        answer = self.tms.request("POST", "/courses", key=self.key, json={"title": self.title, **COURSE})
        self.answers.append(answer)
        return answer

    def half_way(self):
        course = self.tms.value("SELECT count(*) FROM courses WHERE title = %s", self.title)
        key = self.tms.value("SELECT count(*) FROM idempotency_keys WHERE key = %s", self.key)
        assert course == key

    def check(self):
        found = self.tms.rows("SELECT id FROM courses WHERE title = %s", self.title)
        self.send()
        assert self.answers[-1].headers["idempotency-replayed"] == "true"
        assert {str(row["id"]) for row in found} == {answer.json()["data"]["id"] for answer in self.answers}
        assert len(found) == 1


class Upload(Story):
    """A document becomes the sections of a course; its content stands for the key."""

    def prepare(self):
        self.course = self.tms.done("POST", "/courses", json={"title": fresh("Course"), **COURSE})["id"]
        document = docx.Document()
        for number in (1, 2):
            document.add_heading(f"Part {number}", 1)
            document.add_paragraph(fresh("words"))
        document.add_picture(BytesIO(_png()))
        written = BytesIO()
        document.save(written)
        self.content = written.getvalue()

    def send(self):
        files = {"file": ("lesson.docx", self.content, WORD)}
        path = f"/courses/{self.course}/upload-content"
        return self.tms.request("POST", path, key=self.key, files=files)

    def sections(self):
        query = "SELECT count(*) FROM course_sections WHERE course_id = %s"
        return self.tms.value(query, self.course)

    def half_way(self):
        uploads = "SELECT count(*) FROM uploads WHERE course_id = %s AND status = 'completed'"
        assert (self.sections(), self.tms.value(uploads, self.course)) in {(0, 0), (2, 1)}

    def check(self):
        assert self.sections() == 2
        uploads = self.tms.rows(
            "SELECT id, status, storage_key FROM uploads WHERE course_id = %s", self.course
        )
        assert [row["status"] for row in uploads] == ["completed"]
        media = self.tms.rows("SELECT storage_key FROM media WHERE upload_id = %s", uploads[0]["id"])
        assert len(media) == 1
        for row in [*uploads, *media]:
            assert (self.tms.home / "files" / row["storage_key"]).is_file()
        work = self.tms.rows(
            "SELECT state FROM jobs JOIN uploads ON uploads.job_id = jobs.id WHERE course_id = %s",
            self.course,
        )
        assert work == [{"state": "succeeded"}]
        # Once more: the same document changes nothing.
        assert self.send().is_success
        assert self.sections() == 2


class NewPicture(Story):
    """A picture is added to a course; sent again, it is the same one."""

    def prepare(self):
        self.course = self.tms.done("POST", "/courses", json={"title": fresh("Course"), **COURSE})["id"]
        # Bytes of its own, behind the picture's end.
        self.content = _png() + fresh("tail").encode()

    def send(self):
        files = {"file": ("dot.png", self.content)}
        return self.tms.request("POST", f"/courses/{self.course}/media", key=self.key, files=files)

    def check(self):
        added = self.send().json()["data"]
        row = "SELECT storage_key FROM media WHERE id = %s"
        key = self.tms.value(row, added["id"])
        assert (self.tms.home / "files" / key).stat().st_size == added["size"]
        assert self.send().json()["data"]["id"] == added["id"]


class Sweeping(Story):
    """A file that nobody refers to goes; those in use stay."""

    def prepare(self):
        self.upload = Upload(self.tms)
        assert self.upload.send().is_success
        self.files = self.tms.home / "files"
        self.left_over = self.files / "sha256" / f"{'0' * 64}-{uuid4().hex}"
        self.left_over.write_bytes(b"nobody knows me")
        long_ago = time.time() - 3 * 86400
        for file in self.files.rglob("*"):
            if file.is_file():
                os.utime(file, (long_ago, long_ago))

    send = None

    def trigger(self):
        self.tms.defer("content.sweep")

    def check(self):
        self.tms.defer("content.sweep")
        self.tms.settle()
        assert not self.left_over.exists()
        self.upload.check()


class Erasure(Story):
    """A student is erased, with the account and with a document from a time when they were staff."""

    done_already = (404,)

    def prepare(self):
        self.email = f"{fresh('student')}@example.org"
        body = {"firstName": "Ada", "lastName": "Example", "email": self.email}
        self.user = self.tms.done("POST", "/students/enroll", json=body)["userId"]
        upload = Upload(self.tms)
        assert upload.send().is_success
        self.tms.change("UPDATE uploads SET created_by = %s WHERE course_id = %s", self.user, upload.course)
        key = self.tms.value("SELECT storage_key FROM uploads WHERE created_by = %s", self.user)
        self.file = self.tms.home / "files" / key
        assert self.file.is_file()
        self.tms.settle()

    def send(self):
        return self.tms.request("DELETE", f"/students/{self.user}")

    def half_way(self):
        # The process died after the transaction: nobody can come in any more, whatever is still to be removed.
        assert self.tms.value("SELECT status FROM users WHERE id = %s", self.user) == "erased"

    def check(self):
        assert self.tms.value("SELECT done_at FROM erasures WHERE user_id = %s", self.user) is not None
        assert self.tms.accounts.of(self.email) == []
        assert self.tms.value("SELECT count(*) FROM uploads WHERE created_by = %s", self.user) == 0
        assert not self.file.exists()
        noted = "SELECT count(*) FROM audit_log WHERE action = 'student.erased' AND object_id = %s"
        assert self.tms.value(noted, self.user) == 1


class LostAdministrator(Story):
    """Nobody can sign in any more: a command gives an administrator a new password, and is repeated when it dies."""

    words = ("recover-administrator", "lost@example.org")

    def prepare(self):
        first = self.tms.start(*self.words)
        assert first.ended() == 0, first.said

    send = None

    def check(self):
        again = self.tms.start(*self.words)
        assert again.ended() == 0, again.said
        password = again.said.split("with the password ")[1].split()[0]
        form = {
            "grant_type": "password",
            "client_id": "tms-cli",
            "username": self.words[1],
            "password": password,
        }
        token = f"{self.tms.accounts.issuer}/protocol/openid-connect/token"
        assert self.tms.client.post(token, data=form).status_code == 200
