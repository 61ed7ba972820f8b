"""What every request of somebody known goes through: how often they ask, and whether it is a repetition."""

from __future__ import annotations

from fastapi import Request

from api import idempotency
from api.desk import Desk
from api.rates import Rates, TooMany


async def admit(request: Request, desk: Desk, user_id: int, credential: str) -> None:
    """Count a request of a session or token, named by its hash; answer one that was answered before.

    Raises `TooMany`, and what `idempotency.begin` raises.
    """
    rates: Rates = request.app.state.rates
    standing = request.state.standing = rates.take(credential)
    if standing.left < 0:
        raise TooMany(most=standing.most, wait=standing.wait)
    await idempotency.begin(request, desk, user_id)
