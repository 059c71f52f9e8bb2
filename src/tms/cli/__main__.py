"""`python -m tms.cli` is `tms`: it is how `tms up` starts its parts."""

from tms.cli import main

main()
