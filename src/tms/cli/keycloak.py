"""`tms keycloak`: prepares a Keycloak for TMS, and tells where it is not as TMS needs it."""

# ruff: noqa: PLC0415 - commands import what they need when they run

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

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


@app.command()
def import_users(
    *,
    link_existing: Annotated[
        bool,
        typer.Option(
            "--link-existing",
            help="People whose verified address Keycloak already knows keep the account and password that they have there.",
        ),
    ] = False,
) -> None:
    """Move the accounts of the built-in sign-in to Keycloak, with their passwords. Stop TMS first. Can be repeated."""
    settings = load_settings()
    from tms.cli import database

    with database.in_use(settings):
        moved = asyncio.run(_import_users(settings, link_existing=link_existing))
    if not moved:
        raise typer.Exit(1)


async def _import_users(settings: Settings, *, link_existing: bool) -> bool:
    from tms import startup
    from tms.cli import progress
    from tms.identity import providers
    from tms.identity.keycloak import moving

    async with startup.database(settings):
        keycloak = providers.keycloak()
        with progress.watched() as bar:
            task = bar.add_task("Accounts", total=None)
            report = await moving.move(
                keycloak,
                link_existing=link_existing,
                tell=lambda done, total: bar.update(task, completed=done, total=total),
            )
    for stuck in report.stuck:
        print(f"NOT MOVED {stuck.email} ({stuck.user_id}): {stuck.reason}")
    if report.stuck:
        print(
            f"{len(report.stuck)} of {report.moved + len(report.stuck)} accounts cannot be moved, so nobody was: settle them "
            "in Keycloak, or see `--link-existing`, and repeat. TMS still signs people in itself, without KEYCLOAK_SERVER_URL."
        )
        return False
    print(
        f"{report.moved} accounts moved. Start TMS: people sign in at Keycloak, with the passwords that they have."
    )
    return True
