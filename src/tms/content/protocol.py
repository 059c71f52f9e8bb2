"""What the child that reads a document and the parent that runs it agree on. Imported by both, so it imports nothing."""

RESULT = "result.json"
EXIT_FAILED = 70
EXIT_OUT_OF_MEMORY = 71
