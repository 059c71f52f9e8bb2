"""E-mail: templates, the outbox and its delivery."""
