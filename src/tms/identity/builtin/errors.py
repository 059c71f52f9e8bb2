class OAuthError(Exception):
    """A refusal in OAuth's own form (RFC 6749, 5.2): `error` is one of its codes, `description` says more."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status
        self.retry_after: int | None = None
