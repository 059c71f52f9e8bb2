"""Whose courses' documents and media exist for whom, as the lines of the policy table and of the pages say it."""

from tms.http.policy import Reach, Sight

_PHRASE = "administrators every course, trainers those they are named on"

EDITORS = Sight(_PHRASE, trainer=Reach.OWN)
"""Of uploads: to who may not change their course they are not there."""
ADDERS = Sight(_PHRASE, trainer=Reach.OWN, reads=Reach.RELATED)
"""Of courses to which something is added: who may only read one is refused."""
