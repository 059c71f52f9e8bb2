import socket

import pytest

from tests.keycloak import site as sites
from tms.platform.settings import get_settings


@pytest.fixture
async def site(app, database, at_keycloak, monkeypatch):
    """TMS at a port, where Keycloak reaches it too, with its accounts in the genuine Keycloak."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("TMS_PUBLIC_URL", url)
    get_settings.cache_clear()
    await sites.set_up(at_keycloak, tms_public_url=url)
    made = sites.Site(app, url, at_keycloak)
    async with sites.listening(app, port), made.held:
        yield made
