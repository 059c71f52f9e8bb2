"""Keycloak as the identity provider: accounts, sessions and passwords live there, and the local user rules."""
