"""The built-in identity provider: accounts, sign-in pages and tokens in our own database, at Keycloak's addresses."""
