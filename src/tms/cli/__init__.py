"""The command line: assembly only. Commands import what they need when they run, so that `tms --help` answers at once."""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tms import __version__
from tms.cli.failures import CannotStartError, checked_address, fail, load_settings
from tms.platform.embedded import EmbeddedError
from tms.platform.errors import DomainError

if TYPE_CHECKING:
    from tms.identity.administrators import FirstAdministrator

app = typer.Typer(
    name="tms",
    help="The training management system.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Supervised = Annotated[
    bool, typer.Option("--supervised", hidden=True, help="End when standard input closes.")
]


def main() -> None:
    """Run a command; what it cannot do ends in one line and status 1, wrong settings in status 2."""
    try:
        app()
    except (CannotStartError, EmbeddedError) as error:
        fail(str(error))
    except DomainError as error:
        fail(error.detail)


@app.command()
def up() -> None:
    """Run everything: database, API and worker, until Ctrl-C."""
    settings = load_settings()
    from tms.cli import everything

    everything.up(settings)


@app.command()
def serve(
    *,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes answer requests.")] = 1,
    supervised: Supervised = False,
    listener: Annotated[int | None, typer.Option(hidden=True, help="A socket that listens already.")] = None,
) -> None:
    """Run the API alone."""
    settings = load_settings()
    from tms.cli import serving

    if supervised:
        serving.end_with_parent()
    bound = serving.listen(settings) if listener is None else socket.socket(fileno=listener)
    if not supervised:
        print(f"tms: the API answers at {settings.public_url}; stop it with Ctrl-C.", file=sys.stderr)
    serving.serve(settings, bound, workers)


@app.command()
def worker(*, supervised: Supervised = False) -> None:
    """Run the job worker alone."""
    settings = load_settings()
    from tms import worker as jobs
    from tms.cli import database, serving

    if supervised:
        serving.end_with_parent()
    database.reach(settings)
    jobs.main(settings)


@app.command()
def migrate() -> None:
    """Bring the database to this version's tables, and make the first administrator where there is none."""
    settings = load_settings()
    from tms import startup
    from tms.cli import database
    from tms.platform import migrations

    async def first_administrator() -> FirstAdministrator | None:
        async with startup.database(settings):
            return await startup.first_administrator(settings)

    with database.in_use(settings) as url:
        database.migrate(url)
        first = asyncio.run(first_administrator())
    print(f"The database is at {migrations.head()}.")
    if first is not None and first.generated_password is not None:
        print(f"Sign in as {first.email} with {first.generated_password} (shown only now: keep it).")


@app.command()
def doctor() -> None:
    """Check that the data keep every promise; changes nothing. Status 1 if one is broken."""
    settings = load_settings()
    from tms.cli import examination

    if not asyncio.run(examination.examine(settings)):
        raise typer.Exit(1)


@app.command()
def recover_administrator(
    email: Annotated[str | None, typer.Argument(help="By default TMS_ADMIN_EMAIL.")] = None,
) -> None:
    """Give an administrator a new password, where nobody can sign in any more."""
    settings = load_settings()
    from tms import startup
    from tms.cli import database
    from tms.identity import administrators

    async def recover(address: str) -> str:
        async with startup.database(settings):
            return await administrators.recover(address)

    address = checked_address("EMAIL" if email else "TMS_ADMIN_EMAIL", email or settings.tms_admin_email)
    with database.in_use(settings):
        password = asyncio.run(recover(address))
    print(f"{address} signs in with the password {password} (shown only now: keep it).")


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)
