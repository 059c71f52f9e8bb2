"""Promises about documents and pictures."""

from tms.operations.doctor import Check

CHECKS = [
    Check(
        "content.pictures_exist",
        "Every picture that a section names is there.",
        """
        SELECT DISTINCT named.section_id::text
        FROM (
            SELECT id AS section_id, (regexp_matches(content, 'src="media:([0-9a-f-]{36})"', 'g'))[1]::uuid AS media_id
            FROM course_sections WHERE content LIKE '%media:%'
        ) AS named
        LEFT JOIN media ON media.id = named.media_id
        WHERE media.id IS NULL
        """,
    ),
    Check(
        "content.uploads_end",
        "An upload comes to its end within an hour.",
        """
        SELECT id::text FROM uploads
        WHERE status IN ('queued', 'processing') AND created_at < tms_now() - interval '1 hour'
        """,
    ),
    Check(
        "content.uploads_made_sections",
        "A completed upload has made sections, all of them in its course.",
        """
        SELECT uploads.id::text FROM uploads
        WHERE status = 'completed' AND (
            jsonb_array_length(section_ids) = 0
            OR jsonb_array_length(section_ids) <> (
                SELECT count(*) FROM course_sections
                WHERE course_sections.course_id = uploads.course_id
                AND uploads.section_ids ? course_sections.id::text
            )
        )
        """,
    ),
    Check(
        "content.work_agrees",
        "The work that people watch says of an upload what the upload itself says.",
        """
        SELECT uploads.id::text FROM uploads JOIN jobs ON jobs.id = uploads.job_id
        WHERE (uploads.status IN ('completed', 'replaced') AND jobs.state <> 'succeeded')
        OR (uploads.status = 'failed' AND jobs.state <> 'failed')
        """,
    ),
]
