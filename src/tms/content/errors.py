"""Why a document was refused. Each says in `detail` what the person who uploaded it can do."""

from tms.courses.errors import CourseNotFoundError
from tms.platform.errors import DomainError, InvalidError, NotFoundError, UnavailableError


class DocumentError(DomainError):
    """A document that cannot become lessons; the base of every outcome but success."""

    status = 422
    code = "document_refused"
    title = "The document cannot be used"


class EmptyFileError(DocumentError):
    """Nothing was uploaded."""

    code = "empty_file"
    title = "The file is empty; choose the file again, or save it again and upload it"


class UnsupportedTypeError(DocumentError):
    """A file of a kind that TMS does not read."""

    status = 415
    code = "unsupported_type"
    title = "Files of this kind are not accepted; save it as a Word document (.docx) or a PDF and upload that file"


class TypeMismatchError(DocumentError):
    """The name promises something else than the content is."""

    code = "type_mismatch"
    title = "The file's content does not agree with its name"


class EncryptedDocumentError(DocumentError):
    """Protected by a password, or its archive is."""

    code = "encrypted_document"
    title = (
        "The document is protected by a password; remove the password in the program that made it "
        "(in Word: File, Info, Protect Document) and upload it again"
    )


class CorruptDocumentError(DocumentError):
    """Damaged, cut short, or built so as to mislead."""

    code = "corrupt_document"
    title = "The document is damaged; open it in the program that made it, save it again and upload that file"


class DocumentTooLargeError(DocumentError):
    """More bytes than are accepted, as uploaded or once unpacked."""

    status = 413
    code = "document_too_large"
    title = "The document is too large; make its pictures smaller or divide it into several documents"


class DocumentTooComplexError(DocumentError):
    """The limits of memory, time or number were hit."""

    code = "document_too_complex"
    title = "The document takes too much memory or time; divide it into several documents"


class NoContentError(DocumentError):
    """A sound document with nothing in it to learn from."""

    code = "no_content"
    title = "The document contains neither text nor pictures"


class NoTextError(DocumentError):
    """Pages that are pictures: a scan, or print that was turned into drawings."""

    code = "no_text"
    title = (
        "The document consists of pictures of text, such as a scan; let a scanner program recognise the text (OCR) "
        "and upload that file, or upload the document that was scanned"
    )


class InfectedError(DocumentError):
    """The virus scanner has found something."""

    code = "infected"
    title = "The virus scanner found something in the file; nothing of it was kept"


_OUTCOMES: tuple[type[DocumentError], ...] = (
    EmptyFileError,
    UnsupportedTypeError,
    TypeMismatchError,
    EncryptedDocumentError,
    CorruptDocumentError,
    DocumentTooLargeError,
    DocumentTooComplexError,
    NoContentError,
    NoTextError,
)
BY_CODE: dict[str, type[DocumentError]] = {outcome.code: outcome for outcome in _OUTCOMES}


class MissingFileError(InvalidError):
    """The form has no file in the field `file`."""

    code = "missing_file"
    title = "Send the document as the field `file` of a form (multipart/form-data)"


class MalformedFormError(InvalidError):
    """The body is no form, or is cut short."""

    code = "malformed_form"
    title = "The body is not a valid form (multipart/form-data)"


class ArchivedCourseError(DomainError):
    """The course was archived before or while the document was read."""

    code = "course_archived"
    title = "An archived course does not change; publish it again first"


class LostFileError(DocumentError):
    """The storage does not have the original any more."""

    code = "file_lost"
    title = "The uploaded file is no longer there; upload it again"


class GivenUpError(DocumentError):
    """Each try to read the document ended in a crash."""

    code = "given_up"
    title = "The document could not be processed after several tries; save it again and upload that file"


class CancelledError(DocumentError):
    """Somebody has stopped the reading."""

    code = "cancelled"
    title = "This was cancelled; upload the document again if it is wanted after all"


class ReviewExpiredError(DocumentError):
    """Nobody has applied the outline in time."""

    code = "review_expired"
    title = "The outline waited too long and was removed; upload the document again"


class DiscardedError(DocumentError):
    """Somebody has decided against the outline, or asked for the document anew in another way."""

    code = "review_discarded"
    title = "The outline was discarded; upload the document again if it is wanted after all"


class UploadNotFoundError(NotFoundError):
    """No such upload, or it belongs to a course that the caller may not change."""

    code = "upload_not_found"
    title = "Upload not found"


class OriginalNotKeptError(NotFoundError):
    """The upload is there, but not its file: nothing came of it, or the storage has lost it."""

    code = "original_not_kept"
    title = "The original of this upload is not kept, since nothing came of it; upload the file again"


class NotWaitingError(DomainError):
    """There is no outline that could be applied, compared or discarded."""

    code = "upload_not_waiting"
    title = "This upload has no outline that waits"


class PlanError(InvalidError):
    """The plan of lessons does not use every part of the outline exactly once."""

    code = "plan_does_not_add_up"
    title = "Use every part of the outline exactly once, in a lesson or among what is skipped"


class NothingLeftError(InvalidError):
    """Everything was skipped."""

    code = "nothing_to_apply"
    title = "A plan has at least one lesson; discard the upload if none of it is wanted"


class EditedSectionsError(DomainError):
    """A new edition would overwrite or remove what people have edited by hand, and nobody has decided about it."""

    code = "edited_sections_undecided"
    title = "Sections that were edited by hand would change or vanish; say which to keep and which to replace"


class EditionLostError(DomainError):
    """What a new edition replaces is not there any more, or has got a newer edition meanwhile."""

    code = "edition_superseded"
    title = "The document that this edition replaces is not the current one any more; upload it again for the newest"


class NoSuchEditionError(InvalidError):
    """`replaces` names no completed upload of this course."""

    code = "unknown_edition"
    title = "`replaces` must name a completed upload of this course, the newest edition of its document"


class NoMediaError(DocumentError):
    """Something else than a picture, a video or a sound was sent as one."""

    status = 415
    code = "no_media"
    title = (
        "Send a picture (PNG, JPEG, GIF, WebP, SVG), a video (MP4, WebM) or a sound (MP3, M4A); documents become "
        "sections with POST /courses/{id}/upload-content"
    )


class FileRemovedError(UnavailableError):
    """The same bytes were being removed while they came in."""

    code = "file_removed"
    title = "An earlier copy of this file was just being removed; send the file again"


class MediaNotFoundError(NotFoundError):
    """No such picture, or its address is not signed, or not any more."""

    code = "media_not_found"
    title = "There is no such picture, or its address has expired; read the section again for a new one"


RECORDED: dict[str, type[DomainError]] = {
    **BY_CODE,
    **{
        error.code: error
        for error in (
            ArchivedCourseError,
            CourseNotFoundError,
            LostFileError,
            GivenUpError,
            CancelledError,
            ReviewExpiredError,
            DiscardedError,
        )
    },
}
"""Every outcome that an upload can be recorded with, by its code."""
