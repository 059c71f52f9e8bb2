"""`python -m tms.platform.embedded TMS_HOME [name=value ...]` is the guardian; `acquire` starts it."""

import os
import sys

from tms.platform.embedded import guardian

# Whatever the user's process inherited (a pipe of its caller, say) must not stay open for as long as the server runs.
os.closerange(3, 4096)
sys.exit(guardian.main(sys.argv[1:]))
