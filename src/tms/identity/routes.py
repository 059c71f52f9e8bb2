from fastapi import APIRouter

from tms.http import policy

POLICY: list[policy.Line] = []
router = APIRouter(tags=["identity"])
