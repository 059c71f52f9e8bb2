"""The genuine Keycloak that the tests share."""

import httpx2
import pytest

pytestmark = pytest.mark.keycloak


def test_it_answers_as_itself(keycloak):
    with httpx2.Client(trust_env=False, timeout=30) as http:
        found = http.get(f"{keycloak.url}/realms/master/.well-known/openid-configuration").json()
    assert found["issuer"] == f"{keycloak.url}/realms/master"
