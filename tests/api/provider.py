"""A small OpenID Connect provider on loopback: discovery, keys, code flow with PKCE and nonce."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import uvicorn
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core.util import create_half_hash
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "kiemtin-desk", "a secret of the client"


@dataclass
class OpenIdProvider:
    """Signs everybody in as `claims` say. `wrong` are claims of the next ID tokens that it lies about.

    `proved_at` is when its own session began; who is asked to sign in again (`max_age` 0) does so now.
    """

    clock: Callable[[], datetime]
    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, Any] = field(default_factory=dict)
    proved_at: datetime | None = None
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "first"}))
    signs_with: Any = None
    algorithm: str = "ES256"
    published: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def turn_keys(self) -> None:
        """Publish and sign with another key from now on."""
        self.key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(4)})

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _discovery(self, request: Request) -> Response:
        found = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }
        self.asked.append("discovery")
        return JSONResponse(found | self.published)

    async def _keys(self, request: Request) -> Response:
        self.asked.append("keys")
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.url}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 303)

    async def _token(self, request: Request) -> Response:
        given = await request.form()
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(str(given["code"]), None)
        if (
            request.headers.get("Authorization") != f"Basic {basic}"
            or asked is None
            or create_s256_code_challenge(str(given.get("code_verifier", ""))) != asked["code_challenge"]
            or given.get("redirect_uri") != asked["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        access = secrets.token_urlsafe(16)
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            "at_hash": create_half_hash(access, "ES256").decode(), **self.claims, **self.wrong,
        }  # fmt: skip
        if self.proved_at is not None:
            again = asked.get("max_age") == "0"
            claims.setdefault("auth_time", now if again else int(self.proved_at.timestamp()))
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.signs_with or self.key
        header = {"alg": self.algorithm, "kid": self.key.kid}
        token = jwt.encode(header, claims, key, algorithms=[self.algorithm])
        return JSONResponse({"access_token": access, "token_type": "Bearer", "id_token": token})


def shared_secret() -> OctKey:
    return OctKey.import_key(SECRET * 2)


@contextmanager
def running(clock: Callable[[], datetime]) -> Iterator[OpenIdProvider]:
    provider = OpenIdProvider(clock)
    server = uvicorn.Server(uvicorn.Config(provider.app(), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive(), "the provider did not start"
    provider.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield provider
    server.should_exit = True
    thread.join()
