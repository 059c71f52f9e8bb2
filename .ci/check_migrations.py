"""Fail where the models and the migrations disagree; looks at a throw-away database, never at the settings' own."""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.util.exc import CommandError

from tms.platform import embedded, migrations


def main() -> None:
    """Migrate an empty database and compare it with the models."""
    with tempfile.TemporaryDirectory() as home:
        server = embedded.acquire(Path(home), settings={"fsync": "off"})
        try:
            migrations.upgrade(server.url)
            command.check(migrations.config(server.url))
        except CommandError as error:
            sys.exit(f"tms: {error}: write a migration for it")
        finally:
            server.release(wait=30)


main()
