"""What a program may ask for with a token: these routes and no other, whatever its owner's role.

People decide: no scope leads to taking, deciding, proposing, approving or exporting, and the rules of the
desk refuse it once more (`review.permissions.AUTOMATIC`). A route that is not here is closed to every token.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from review.permissions import Action


class Scope(StrEnum):
    READ = "read"
    AUDIT = "audit"
    CLAIMS = "claims"


# What the owner of a token must be allowed to do themselves.
NEEDS: Mapping[Scope, Action] = {
    Scope.READ: Action.READ,
    Scope.AUDIT: Action.AUDIT,
    Scope.CLAIMS: Action.KEEP_CLAIMS,
}

ROUTES: Mapping[str, Scope] = {
    "GET /api/openapi.json": Scope.READ,
    "GET /api/v1/me": Scope.READ,
    "GET /api/v1/lanes": Scope.READ,
    "GET /api/v1/queue": Scope.READ,
    "GET /api/v1/cases/{case_id}": Scope.READ,
    "GET /api/v1/cases/{case_id}/similar": Scope.READ,
    "GET /api/v1/cases/{case_id}/explanation": Scope.READ,
    "GET /api/v1/search": Scope.READ,
    "GET /api/v1/claims": Scope.READ,
    "GET /api/v1/claims/export": Scope.READ,
    "GET /api/v1/claims/{claim_id}": Scope.READ,
    "GET /api/v1/work": Scope.READ,
    "GET /api/v1/sources": Scope.READ,
    "GET /api/v1/runs": Scope.READ,
    "GET /api/v1/clocks": Scope.READ,
    "GET /api/v1/permissions": Scope.READ,
    "GET /api/v1/dashboard": Scope.READ,
    "GET /api/v1/trends": Scope.READ,
    "GET /api/v1/trends/{part}.csv": Scope.READ,
    "GET /api/v1/trends/spread/{claim_id}": Scope.READ,
    "GET /api/v1/trends/spread/{claim_id}/csv": Scope.READ,
    "GET /api/v1/reports": Scope.READ,
    "GET /api/v1/reports/{period}": Scope.READ,
    "GET /api/v1/corrections": Scope.READ,
    "GET /api/v1/policy": Scope.AUDIT,
    "GET /api/v1/policy/{policy_id}": Scope.AUDIT,
    "GET /api/v1/audit": Scope.AUDIT,
    "GET /api/v1/audit/verify": Scope.AUDIT,
    "GET /api/v1/audit/digest": Scope.AUDIT,
    "GET /api/v1/privacy": Scope.AUDIT,
    "GET /api/v1/holds": Scope.AUDIT,
    "POST /api/v1/claims": Scope.CLAIMS,
    "POST /api/v1/claims/import": Scope.CLAIMS,
    "POST /api/v1/claims/{claim_id}": Scope.CLAIMS,
    "POST /api/v1/claims/{claim_id}/retire": Scope.CLAIMS,
    "POST /api/v1/claims/{claim_id}/restore": Scope.CLAIMS,
}
