"""TMS, a training management system. Start reading at `app.py`; the rooms are described in CONTRIBUTING.md."""

__version__ = "0.1.0"
