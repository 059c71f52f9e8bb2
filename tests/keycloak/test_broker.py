"""Another sign-in before Keycloak (OpenID Connect): who is enrolled comes in with it, by the address that it has verified."""

import pytest

from tests.keycloak.site import PASSWORD
from tms.identity import reconciling

pytestmark = pytest.mark.keycloak

NORA = "nora@example.org"
COMPANY = "company"
FLOW = "link by address"
SECRET = "of a client in the tests"


@pytest.fixture
async def company(site):
    """A realm of its own as the organisation's sign-in, in which Nora is, in front of TMS's realm."""
    admin, realm, url = site.keycloak.admin, site.keycloak.settings.keycloak_realm, site.keycloak.server.url
    endpoint = f"{url}/realms/{COMPANY}/protocol/openid-connect"
    back = f"{url}/realms/{realm}/broker/{COMPANY}/endpoint"
    client = {"clientId": "broker", "secret": SECRET, "redirectUris": [back], "standardFlowEnabled": True}
    nora = {
        "username": "nora",
        "email": NORA,
        "emailVerified": True,
        "firstName": "Nora",
        "lastName": "Newcomer",
        "enabled": True,
        "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
    }
    await admin.a_create_realm({"realm": COMPANY, "enabled": True, "clients": [client], "users": [nora]})
    await admin.a_create_authentication_flow(
        {"alias": FLOW, "providerId": "basic-flow", "topLevel": True, "builtIn": False}
    )
    for step in ("idp-detect-existing-broker-user", "idp-auto-link"):
        await admin.a_create_authentication_flow_execution({"provider": step}, FLOW)
    for execution in await admin.a_get_authentication_flow_executions(FLOW):
        await admin.a_update_authentication_flow_executions(execution | {"requirement": "REQUIRED"}, FLOW)
    await admin.a_create_idp(
        {
            "alias": COMPANY,
            "providerId": "oidc",
            "enabled": True,
            "trustEmail": True,
            "firstBrokerLoginFlowAlias": FLOW,
            "config": {
                "clientId": "broker",
                "clientSecret": SECRET,
                "clientAuthMethod": "client_secret_post",
                "authorizationUrl": f"{endpoint}/auth",
                "tokenUrl": f"{endpoint}/token",
                "jwksUrl": f"{endpoint}/certs",
                "useJwksUrl": "true",
                "validateSignature": "true",
                "issuer": f"{url}/realms/{COMPANY}",
                "defaultScope": "openid email profile",
            },
        }
    )
    yield
    await admin.a_delete_idp(COMPANY)
    flows = {flow["alias"]: flow["id"] for flow in await admin.a_get_authentication_flows()}
    await admin.connection.a_raw_delete(f"admin/realms/{realm}/authentication/flows/{flows[FLOW]}")
    await admin.a_delete_realm(COMPANY)


async def enter(site, browser):
    """By the organisation's own sign-in, which Keycloak's page offers."""
    page = await browser.open("/login")
    [address] = [link for link in page.links if f"/broker/{COMPANY}/" in link]
    page = await browser.open(site.keycloak.server.url + address)
    return await browser.submit(page, having="username", username="nora", password=PASSWORD)


async def test_who_is_enrolled_comes_in_by_the_other_sign_in_and_nobody_else_does(site, company, run_jobs):
    boss = await site.boss()
    page = await enter(site, site.browser())
    assert page.url.startswith(f"{site.keycloak.settings.issuer}/login-actions/first-broker-login")
    assert "does not exist. Please contact your administrator" in page.words
    assert await site.keycloak.admin.a_get_users({"email": NORA}) == []

    enrolled = await site.enrol(boss, NORA)
    await run_jobs()
    browser = site.browser()
    page = await enter(site, browser)
    # Nobody asks for the temporary password, but Keycloak still has another one chosen in its place, once.
    page = await browser.submit(
        page, having="password-new", password_new=PASSWORD + "!", password_confirm=PASSWORD + "!"
    )
    assert (page.url, "Nora Newcomer" in page.words) == (f"{site.url}/my", True)
    assert (await enter(site, site.browser())).url == f"{site.url}/my"

    await boss.post(f"/users/{enrolled['userId']}/disable")
    assert not await browser.is_in()
    assert not (await enter(site, site.browser())).url.startswith(site.url)
    assert [found async for found in reconciling.compare()] == []
