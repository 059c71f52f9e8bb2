"""`tms keycloak`: prepares a Keycloak for TMS, and tells where it is not as TMS needs it."""

# ruff: noqa: PLC0415 - commands import what they need when they run

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from tms.cli.failures import load_settings

if TYPE_CHECKING:
    from tms.platform.settings import Settings

app = typer.Typer(
    name="keycloak", help="Prepare and check the Keycloak of KEYCLOAK_SERVER_URL.", no_args_is_help=True
)


@app.command()
def setup() -> None:
    """Prepare the realm: roles, clients, attribute, lifetimes. A second run changes nothing."""
    asyncio.run(_set_up(load_settings()))


async def _set_up(settings: Settings) -> None:
    from tms.identity.keycloak import realm

    changed = 0
    async with realm.opened(settings) as admin:
        async for found in realm.set_up(admin, settings):
            changed += len(found.differences)
            for line in found.differences:
                print(f"changed {found.part}: {line}")
            if not found.differences:
                print(f"ok      {found.part}")
        if settings.keycloak_client_secret is None:
            print("\nPut this line into .env; it is the password with which TMS proves itself to Keycloak:\n")
            print(f"KEYCLOAK_CLIENT_SECRET={await realm.client_secret(admin, settings)}\n")
    print(f"{changed} changes." if changed else "Keycloak is as TMS needs it; nothing was changed.")


@app.command()
def check() -> None:
    """Tell where the realm is not as TMS needs it; changes nothing. Status 1 if it is not."""
    if not asyncio.run(_check(load_settings())):
        raise typer.Exit(1)


async def _check(settings: Settings) -> bool:
    from tms.identity.keycloak import realm

    wrong = 0
    async with realm.opened(settings) as admin:
        async for found in realm.differences(admin, settings):
            wrong += len(found.differences)
            for line in found.differences:
                print(f"DIFFERS {found.part}: {line}")
            if not found.differences:
                print(f"ok      {found.part}")
    if settings.keycloak_client_secret is None:
        wrong += 1
        print("DIFFERS KEYCLOAK_CLIENT_SECRET: is not set")
    told = (
        f"{wrong} differences: `tms keycloak setup` mends them." if wrong else "Keycloak is as TMS needs it."
    )
    print(told)
    return not wrong
