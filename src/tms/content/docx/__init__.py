"""A Word document becomes lessons; begin at `document`."""
