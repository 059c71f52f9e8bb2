"""Rows of uploads, outlines and differences in the shapes of answers, and plans as they come in."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, RowMapping

from tms.content import blocks, editions, formats, pieces, wording
from tms.content.editions import Change, Difference
from tms.content.lessons.division import count_words
from tms.content.reviews import Decision
from tms.content.schemas import (
    ChangeOut,
    DifferenceOut,
    MadeSection,
    OutlineRowOut,
    PagesOut,
    PageStartOut,
    PieceIn,
    PlanIn,
    Stage,
    SubHeadingOut,
    UploadDetail,
    UploadError,
    UploadListed,
    WordsOut,
)
from tms.content.sniff import Kind

EXCERPT = 280
PAGE_EXCERPT = 90


def stage(status: str) -> Stage:
    """What people see of an upload's status."""
    return cast("Stage", "processing" if status == "queued" else status)


def listed(row: RowMapping) -> UploadListed:
    """An upload in a list, from a row of `queries.page`."""
    return UploadListed(**_listed(row))


def _listed(row: RowMapping) -> dict[str, Any]:
    return {
        "upload_id": row["id"],
        "course_id": row["course_id"],
        "job_id": row["job_id"],
        "file_name": row["file_name"],
        "file_size": row["size"],
        "status": stage(row["status"]),
        "replaces": row["replaces_id"],
        "extracted_sections": row["sections"],
        "created_at": row["created_at"],
        "finished_at": row["finished_at"],
        "expires_at": row["expires_at"],
    }


def detail(
    row: RowMapping, outline: Sequence[RowMapping], sections: Sequence[Row[UUID, str, int | None]]
) -> UploadDetail:
    """One upload, from `queries.editable`, `queries.outline` and `queries.sections_of`."""
    failed = row["status"] == "failed"
    return UploadDetail(
        **_listed(row),
        warnings=row["warnings"],
        error=UploadError(code=row["error_code"], detail=row["error_detail"] or "") if failed else None,
        outline=[_outline_row(one) for one in outline],
        pages=_pages(row, outline),
        sections=[
            MadeSection(section_id=one.id, title=one.title, removed=one.order_index is None)
            for one in sections
        ],
    )


def outline(rows: Sequence[RowMapping]) -> list[OutlineRowOut]:
    """The rows of an outline, from `queries.outline`; takes some time for a long document."""
    return [_outline_row(row) for row in rows]


def _outline_row(row: RowMapping) -> OutlineRowOut:
    found = pieces.Row.of(row)
    made = {"excerpt", "headings", "pages"}
    return OutlineRowOut(
        **{name: row[name] for name in OutlineRowOut.model_fields if name not in made},
        excerpt=_excerpt(found.content, EXCERPT),
        headings=[
            SubHeadingOut(part=part, level=one.level, title=one.title, page=one.page)
            for part, one in enumerate(found.beginnings, start=1)
            if one.level
        ],
        pages=[
            PageStartOut(part=part, page=one.page, excerpt=_excerpt(found.slice(part, part), PAGE_EXCERPT))
            for part, one in enumerate(found.beginnings, start=1)
            if one.begins_page and one.page is not None
        ],
    )


def _excerpt(html: str, most: int) -> str:
    words = blocks.text(html)
    return words if len(words) <= most else words[:most].rsplit(" ", 1)[0] + " …"


def _pages(row: RowMapping, outline: Sequence[RowMapping]) -> PagesOut | None:
    """Documents of an archive count their pages each for itself."""
    found = pieces.pages_of((one["page_from"], one["page_to"]) for one in outline)
    is_archive = row["file_name"].lower().endswith(formats.FORMATS[Kind.ZIP].suffixes)
    return None if found is None or is_archive else PagesOut(first=found[0], last=found[1])


def decision(plan: PlanIn) -> Decision:
    """A plan as it came in; raises `PlanError` for pieces that are neither of a row nor of pages."""
    lessons = None
    if plan.lessons is not None:
        lessons = [
            pieces.Wanted(_pieces(one.pieces, f"lessons.{at}.pieces"), one.title)
            for at, one in enumerate(plan.lessons)
        ]
    return Decision(
        lessons, _pieces(plan.skip, "skip"), frozenset(plan.keep_edited), frozenset(plan.replace_edited)
    )


def _pieces(asked: Sequence[PieceIn], field: str) -> list[pieces.Piece | pieces.Pages]:
    return [_piece(piece, f"{field}.{number}") for number, piece in enumerate(asked)]


def _piece(piece: PieceIn, field: str) -> pieces.Piece | pieces.Pages:
    names_pages = piece.from_page is not None or piece.to_page is not None
    if (piece.row is None) is not names_pages or (
        names_pages and (piece.from_part or piece.to_part is not None)
    ):
        raise pieces.fault(field, "names a row, or pages, and parts only of a row")
    if piece.row is None:
        return pieces.Pages(piece.from_page, piece.to_page)
    return pieces.Piece(piece.row, piece.from_part, piece.to_part)


def difference(upload: RowMapping, found: Difference) -> DifferenceOut:
    """What applying would do."""
    counts = dict.fromkeys(("kept", "changed", "moved", "added", "removed"), 0)
    for change in found.changes:
        counts[change.kind] += 1
    compare = wording.Comparer()
    return DifferenceOut(
        upload_id=upload["id"],
        replaces=upload["replaces_id"],
        changes=[_change(change, compare) for change in found.changes],
        sections_before=len(found.live),
        sections_after=len(editions.outline(found)),
        **counts,
    )


def _change(change: Change, compare: wording.Comparer) -> ChangeOut:
    section, draft = change.section, change.draft
    content = draft.content if draft else section.content if section else None
    return ChangeOut(
        kind=change.kind,
        section_id=section.id if section else None,
        title=draft.title if draft else section.title if section else "",
        former_title=section.title if section and draft and section.title != draft.title else None,
        words=count_words(blocks.text(content or "")),
        place_before=section.place if section else None,
        text_changed=change.is_changed,
        edited=change.is_edited,
        decision_needed=change.is_undecided,
        decision=change.choice,
        wording=_wording(change, compare),
    )


def _wording(change: Change, compare: wording.Comparer) -> list[WordsOut] | None:
    if not change.is_changed or change.section is None or change.draft is None:
        return None
    found = compare.words(change.section.content or "", change.draft.content)
    return None if found is None else [WordsOut(kind=run.kind, text=run.text) for run in found]
