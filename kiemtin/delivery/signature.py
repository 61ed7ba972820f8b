"""Signs webhooks as Standard Webhooks does (standardwebhooks.com): HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime


def shown(secret: bytes) -> str:
    """Return a secret as the libraries of receivers take it."""
    return f"whsec_{base64.b64encode(secret).decode()}"


def headers(secret: bytes, key: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that prove a message: `key` names it, `at` lets a receiver refuse an old one."""
    seconds = str(int(at.timestamp()))
    signed = hmac.new(secret, f"{key}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": key,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
