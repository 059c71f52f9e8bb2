"""An LDAP directory on a free port of this machine, in memory: UnboundID's, fetched through Maven as Keycloak is."""

import contextlib
import re
import subprocess
import tempfile
from pathlib import Path

from tests.keycloak.distribution import fetched

VERSION = "7.0.2"
ARTIFACT = f"com.unboundid:unboundid-ldapsdk:{VERSION}"
BASE = "dc=example,dc=org"
BIND_DN = "cn=Directory Manager"
BIND_PASSWORD = "of a directory in memory that guards nothing"
HEAD = f"""\
dn: {BASE}
objectClass: top
objectClass: domain
dc: example

dn: ou=people,{BASE}
objectClass: top
objectClass: organizationalUnit
ou: people
"""
PERSON = """
dn: uid={uid},ou=people,{base}
objectClass: top
objectClass: person
objectClass: organizationalPerson
objectClass: inetOrgPerson
uid: {uid}
cn: {first} {last}
givenName: {first}
sn: {last}
mail: {email}
userPassword: {password}
"""


@contextlib.contextmanager
def running(people):
    """Serve these people, (uid, first name, last name, address, password) each; gives the address, `ldap://...`."""
    jar = fetched(ARTIFACT, f"unboundid-ldapsdk-{VERSION}.jar")
    with tempfile.TemporaryDirectory() as place:
        entries = Path(place, "people.ldif")
        fields = ("uid", "first", "last", "email", "password")
        written = [PERSON.format(base=BASE, **dict(zip(fields, one, strict=True))) for one in people]
        entries.write_text(HEAD + "".join(written), encoding="utf-8")
        command = [
            "java",
            "-Xmx64m",
            "-cp",
            str(jar),
            "com.unboundid.ldap.listener.InMemoryDirectoryServerTool",
        ]
        command += ["--baseDN", BASE, "--ldifFile", str(entries)]
        command += ["--additionalBindDN", BIND_DN, "--additionalBindPassword", BIND_PASSWORD]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            yield f"ldap://127.0.0.1:{_port(process)}"
        finally:
            process.terminate()
            process.wait(20)
            process.stdout.close()


def _port(process):
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"Listening for client connections on port (\d+)", line):
            return int(found[1])
    raise AssertionError(f"the directory did not start: {said}")


def component(url, *, realm_id, mode="READ_ONLY", trust_email=True):
    """Keycloak's user federation with this directory, as an administrator of an organisation would set it."""
    config = {
        "enabled": "true",
        "vendor": "other",
        "connectionUrl": url,
        "usersDn": f"ou=people,{BASE}",
        "authType": "simple",
        "bindDn": BIND_DN,
        "bindCredential": BIND_PASSWORD,
        "usernameLDAPAttribute": "mail",
        "rdnLDAPAttribute": "uid",
        "uuidLDAPAttribute": "entryUUID",
        "userObjectClasses": "inetOrgPerson, organizationalPerson",
        "editMode": mode,
        "importEnabled": "true",
        "syncRegistrations": "false",
        "trustEmail": str(trust_email).lower(),
        "searchScope": "1",
        "pagination": "false",
    }
    return {
        "name": "directory",
        "providerId": "ldap",
        "providerType": "org.keycloak.storage.UserStorageProvider",
        "parentId": realm_id,
        "config": {name: [value] for name, value in config.items()},
    }
