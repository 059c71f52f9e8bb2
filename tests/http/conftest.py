import pytest

from tms.platform.settings import get_settings


@pytest.fixture
def configure(monkeypatch):
    """`configure(FRONTEND_URL=...)`: settings of this test; none takes one away."""

    def apply(**values):
        for name, value in values.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        get_settings.cache_clear()

    yield apply
    monkeypatch.undo()
    get_settings.cache_clear()
