"""LibreOffice, for the tests that need it; half a gigabyte, so it is not installed for them: without it they are skipped."""

import shutil

import pytest

from tms.content import office

PROGRAM = shutil.which("soffice") or shutil.which("libreoffice")
needs_office = pytest.mark.skipif(office.find() is None, reason="LibreOffice is not installed")
