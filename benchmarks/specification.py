"""The specification's own style, as its code has it: synchronous ORM objects, joins over all sections, a token decoded each time.

What would leave the process (Keycloak's public key over HTTP, the account there, the e-mail) is left out, in its favour;
psycopg 3 stands in for psycopg2. Where the specification names a feature without code (a list of students, a section
completed), it is written in the manner of its neighbours. `uvicorn benchmarks.specification:app`.
"""

import json
import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.jwk import KeySet
from pydantic import BaseModel, EmailStr
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Integer,
    String,
    Text,
    case,
    create_engine,
    func,
    or_,
)
from sqlalchemy.dialects.postgresql import UUID as PGUUID
from sqlalchemy.orm import DeclarativeBase, Session, relationship, sessionmaker

engine = create_engine(
    os.environ["BENCH_SPECIFICATION_DATABASE"],
    pool_pre_ping=True,
    pool_size=10,
    max_overflow=20,
    connect_args={"options": "-c search_path=specification"},
)
SessionLocal = sessionmaker(autocommit=False, autoflush=False, bind=engine)


class Base(DeclarativeBase):
    """Every table."""


class UserRole(StrEnum):
    """As specified."""

    ADMIN = "admin"
    STUDENT = "student"


class TemplateType(StrEnum):
    """As specified."""

    VIDEO_ONLY = "video-only"
    TEXT_VIDEO = "text-video"
    TEXT_IMAGE = "text-image"
    TEXT_ONLY = "text-only"


class CourseStatus(StrEnum):
    """As specified."""

    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


def _key() -> Any:
    return Column(PGUUID(as_uuid=True), primary_key=True, default=uuid.uuid4)


class User(Base):
    """As specified."""

    __tablename__ = "users"
    id = _key()
    keycloak_id = Column(String(255), unique=True, nullable=False, index=True)
    email = Column(String(255), unique=True, nullable=False, index=True)
    first_name = Column(String(100), nullable=False)
    last_name = Column(String(100), nullable=False)
    role = Column(Enum(UserRole, name="userrole"), nullable=False)
    phone = Column(String(20))
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    updated_at = Column(DateTime(timezone=True), onupdate=func.now())


class Course(Base):
    """As specified."""

    __tablename__ = "courses"
    id = _key()
    course_code = Column(String(50), unique=True, nullable=False)
    title = Column(String(255), nullable=False)
    description = Column(Text)
    category = Column(String(100))
    template_type = Column(Enum(TemplateType, name="templatetype"), nullable=False)
    difficulty = Column(String(50))
    estimated_duration = Column(Integer)
    status = Column(Enum(CourseStatus, name="coursestatus"), default=CourseStatus.DRAFT)
    created_by = Column(PGUUID(as_uuid=True), ForeignKey("users.id"))
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    updated_at = Column(DateTime(timezone=True), onupdate=func.now())
    sections = relationship("CourseSection", back_populates="course")


class CourseSection(Base):
    """As specified."""

    __tablename__ = "course_sections"
    id = _key()
    course_id = Column(PGUUID(as_uuid=True), ForeignKey("courses.id"), nullable=False)
    title = Column(String(255), nullable=False)
    content = Column(Text)
    video_url = Column(String(500))
    image_url = Column(String(500))
    order_index = Column(Integer, nullable=False)
    duration = Column(Integer)
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    course = relationship("Course", back_populates="sections")


class CourseAssignment(Base):
    """Imported by the specification's code; the columns are those that it reads."""

    __tablename__ = "course_assignments"
    id = _key()
    course_id = Column(PGUUID(as_uuid=True), ForeignKey("courses.id"), nullable=False)
    student_id = Column(PGUUID(as_uuid=True), ForeignKey("users.id"), nullable=False)
    assigned_at = Column(DateTime(timezone=True), server_default=func.now())
    due_date = Column(DateTime(timezone=True))


class StudentProgress(Base):
    """Imported by the specification's code; the columns are those that it reads."""

    __tablename__ = "student_progress"
    id = _key()
    student_id = Column(PGUUID(as_uuid=True), ForeignKey("users.id"), nullable=False)
    section_id = Column(PGUUID(as_uuid=True), ForeignKey("course_sections.id"), nullable=False)
    completed = Column(Boolean)
    completed_at = Column(DateTime(timezone=True))


class Batch(Base):
    """Imported by the specification's code; the columns are those that it reads."""

    __tablename__ = "batches"
    id = _key()
    batch_code = Column(String(50), unique=True, nullable=False)
    name = Column(String(255), nullable=False)


class StudentBatch(Base):
    """Imported by the specification's code; the columns are those that it reads."""

    __tablename__ = "student_batches"
    id = _key()
    student_id = Column(PGUUID(as_uuid=True), ForeignKey("users.id"), nullable=False)
    batch_id = Column(PGUUID(as_uuid=True), ForeignKey("batches.id"), nullable=False)


def get_db() -> Iterator[Session]:
    """As specified."""
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()


Db = Annotated[Session, Depends(get_db)]


@cache
def _keys() -> KeySet:
    return KeySet.import_key_set(json.loads(os.environ["BENCH_SPECIFICATION_KEYS"]))


async def get_current_user(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())], db: Db
) -> dict[str, Any]:
    """As specified, with the key at hand instead of fetched."""
    del db
    try:
        return jwt.decode(credentials.credentials, _keys(), algorithms=["ES256"]).claims
    except Exception as error:
        raise HTTPException(401, "Invalid authentication credentials") from error


CurrentUser = Annotated[dict[str, Any], Depends(get_current_user)]


async def require_admin(current_user: CurrentUser) -> dict[str, Any]:
    """As specified."""
    if "admin" not in current_user.get("realm_access", {}).get("roles", []):
        raise HTTPException(403, "Admin access required")
    return current_user


AdminUser = Annotated[dict[str, Any], Depends(require_admin)]

app = FastAPI()


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise HTTPException(400, "Invalid student ID format") from error


@app.get("/api/v1/students/{student_id}/courses")
async def get_student_courses(student_id: str, db: Db, current_user: CurrentUser) -> dict[str, Any]:
    """As specified."""
    del current_user
    student_uuid = _uuid(student_id)
    found = (
        db.query(
            Course,
            CourseAssignment,
            func.count(CourseSection.id).label("total_sections"),
            func.count(case((StudentProgress.completed == True, 1))).label("completed_sections"),  # noqa: E712 - as specified
        )
        .join(CourseAssignment, Course.id == CourseAssignment.course_id)
        .outerjoin(CourseSection, Course.id == CourseSection.course_id)
        .outerjoin(
            StudentProgress,
            (CourseSection.id == StudentProgress.section_id) & (StudentProgress.student_id == student_uuid),
        )
        .filter(CourseAssignment.student_id == student_uuid)
        .group_by(Course.id, CourseAssignment.id)
        .all()
    )
    courses = [_course(*row) for row in found]
    statistics = {
        "totalEnrolled": len(courses),
        "completed": sum(1 for c in courses if c["status"] == "completed"),
        "inProgress": sum(1 for c in courses if c["status"] == "in-progress"),
        "notStarted": sum(1 for c in courses if c["status"] == "not-started"),
        "averageProgress": int(sum(c["progress"] for c in courses) / len(courses)) if courses else 0,
    }
    return {"success": True, "data": {"courses": courses, "statistics": statistics}}


def _course(course: Any, assignment: Any, total: int, completed: int) -> dict[str, Any]:
    progress = int((completed / total) * 100) if total > 0 else 0
    status = "completed" if progress == 100 else "in-progress" if progress > 0 else "not-started"
    return {
        "id": str(course.id),
        "courseCode": course.course_code,
        "title": course.title,
        "description": course.description,
        "templateType": course.template_type.value,
        "progress": progress,
        "sectionsCompleted": completed,
        "totalSections": total,
        "status": status,
        "assignedAt": assignment.assigned_at.isoformat(),
        "dueDate": assignment.due_date.isoformat() if assignment.due_date else None,
    }


def _student(db: Session, user: Any) -> dict[str, Any]:
    batches = (
        db.query(Batch)
        .join(StudentBatch, StudentBatch.batch_id == Batch.id)
        .filter(StudentBatch.student_id == user.id)
        .all()
    )
    stats = (
        db.query(func.count(CourseAssignment.id).label("enrolled_courses"))
        .filter(CourseAssignment.student_id == user.id)
        .first()
    )
    return {
        "id": str(user.id),
        "email": user.email,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "phone": user.phone,
        "batches": [{"batchId": str(b.id), "batchCode": b.batch_code, "batchName": b.name} for b in batches],
        "enrolledCourses": (stats.enrolled_courses if stats else 0) or 0,
        "completedCourses": 0,
        "averageProgress": 0,
    }


@app.get("/api/v1/students")
async def list_students(db: Db, current_user: AdminUser, search: str = "", limit: int = 50) -> dict[str, Any]:
    """In the manner of `GET /students/{id}`, which answers for each student with three queries."""
    del current_user
    pattern = f"%{search}%"
    query = db.query(User).filter(
        User.role == UserRole.STUDENT,
        or_(User.first_name.ilike(pattern), User.last_name.ilike(pattern), User.email.ilike(pattern)),
    )
    total = query.count()
    users = query.order_by(User.last_name, User.first_name).limit(limit).all()
    return {"success": True, "data": [_student(db, user) for user in users], "total": total}


@app.put("/api/v1/progress/sections/{section_id}")
async def complete_section(section_id: UUID, db: Db, current_user: CurrentUser) -> dict[str, Any]:
    """In the manner of its writes: look, add, commit, refresh; the course's state by the query above."""
    user = db.query(User).filter(User.keycloak_id == current_user["sub"]).first()
    section = db.query(CourseSection).filter(CourseSection.id == section_id).first()
    if user is None or section is None:
        raise HTTPException(404, "Section not found")
    row = (
        db.query(StudentProgress)
        .filter(StudentProgress.student_id == user.id, StudentProgress.section_id == section_id)
        .first()
    )
    if row is None:
        row = StudentProgress(student_id=user.id, section_id=section_id)
        db.add(row)
    row.completed = True
    row.completed_at = datetime.now(UTC)
    db.commit()
    db.refresh(row)
    total = db.query(CourseSection).filter(CourseSection.course_id == section.course_id).count()
    completed = (
        db.query(StudentProgress)
        .join(CourseSection, CourseSection.id == StudentProgress.section_id)
        .filter(
            StudentProgress.student_id == user.id,
            CourseSection.course_id == section.course_id,
            StudentProgress.completed == True,  # noqa: E712 - as specified
        )
        .count()
    )
    return {"success": True, "data": {"sectionId": str(section_id), "progress": int(completed / total * 100)}}


class Enrollment(BaseModel):
    """As specified."""

    firstName: str  # noqa: N815 - the wire's spelling
    lastName: str  # noqa: N815 - the wire's spelling
    email: EmailStr
    phone: str | None = None


@app.post("/api/v1/students/enroll")
async def enroll_student(request: Enrollment, db: Db, current_user: AdminUser) -> dict[str, Any]:
    """As specified, without the account at Keycloak and without the e-mail."""
    del current_user
    if db.query(User).filter(User.email == request.email).first():
        raise HTTPException(409, "User with this email already exists")
    count = db.query(User).filter(User.role == UserRole.STUDENT).count()
    user = User(
        keycloak_id=str(uuid.uuid4()),
        email=request.email,
        first_name=request.firstName,
        last_name=request.lastName,
        role=UserRole.STUDENT,
        phone=request.phone,
    )
    db.add(user)
    db.commit()
    db.refresh(user)
    return {"success": True, "data": {"userId": str(user.id), "studentId": f"STU{str(count + 1).zfill(3)}"}}
