"""The command line: assembly only. Commands import what they need when they run, so that `tms --help` answers at once."""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tms import __version__
from tms.cli import keycloak
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

app.add_typer(keycloak.app)

content = typer.Typer(help="Documents, before they are uploaded.", no_args_is_help=True)
app.add_typer(content, name="content")

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
    serving.serve(bound, workers)


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
def doctor(
    *,
    files: Annotated[
        bool, typer.Option("--files", help="Read every stored file too and compare it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")] = False,
) -> None:
    """Check that the data keep every promise; changes nothing. Status 1 if one is broken."""
    settings = load_settings()
    from tms.cli import examination

    if not examination.examine(settings, files=files, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def authorisation() -> None:
    """Print who may do what, as Markdown."""
    from tms import app as assembly
    from tms.cli import policy_page

    print(policy_page.page(assembly.POLICY.lines), end="")


@app.command()
def backup(
    file: Annotated[
        Path, typer.Argument(help="The file to write; it must not be there yet.", dir_okay=False)
    ],
) -> None:
    """Write database and files into one file, while TMS runs."""
    settings = load_settings()
    from tms.cli.backup import saving

    saving.back_up(settings, file)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `tms backup` has written.", dir_okay=False)],
    *,
    erasures: Annotated[
        Path | None,
        typer.Option(help="What `tms erasures` has printed: who is erased again.", dir_okay=False),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Take a backup that was made under another SECRET_KEY.")
    ] = False,
) -> None:
    """Load a backup into an empty database and storage, then examine it. Status 1 if a promise is broken."""
    settings = load_settings()
    from tms.cli.backup import restoring

    if not restoring.restore(settings, file, erasures=erasures, trust=trust):
        raise typer.Exit(1)


@app.command()
def erasures() -> None:
    """Print the ids of those who were erased, one in each line; keep them beside the backups."""
    settings = load_settings()
    from tms.cli import database
    from tms.cli.backup import restoring

    with database.in_use(settings):
        for user_id in asyncio.run(restoring.list_erased(settings)):
            print(user_id)


@app.command()
def reconcile(
    *,
    remake: Annotated[
        bool,
        typer.Option(
            "--remake", help="Make accounts that are gone anew; each person is sent a new password."
        ),
    ] = False,
    only_look: Annotated[
        bool, typer.Option("--only-look", help="Say what differs and change nothing.")
    ] = False,
) -> None:
    """Compare users with the sign-in server's accounts and repair what differs.

    Status 1 if something is left, 3 if the sign-in server stopped answering before all was compared.
    """
    settings = load_settings()
    from tms.cli import reconciliation

    if not reconciliation.reconcile(settings, remake=remake, only_look=only_look):
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


@content.command("extract")
def extract_content(
    file: Annotated[Path, typer.Argument(help="A document.", exists=True, dir_okay=False, readable=True)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")] = False,
) -> None:
    """Show what lessons a document would become; needs no database. Status 1 if it cannot be read, with advice."""
    load_settings()
    from tms.cli import extraction

    extraction.extract(file, as_json=as_json)


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)
