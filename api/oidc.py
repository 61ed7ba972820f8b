"""Signing in by an OpenID Connect provider: code flow with PKCE, and what its ID token must say.

The provider says who somebody is; who may come in is said here. A person whom no account was opened to, or
whom the map of roles gives no role, is refused.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

import httpx2
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from sqlalchemy import select
from sqlalchemy.orm import Session

from api import accounts, passwords
from api.sign_in_rules import Provider
from review.errors import ReviewError
from store import audit
from store.people_tables import OutsideIdentity
from store.tables import User
from store.vocabulary import Role

if TYPE_CHECKING:
    from joserfc.jwk import KeySetSerialization

# Signatures that only the provider can make; never one with a shared secret, never none.
_SIGNED_BY = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"]
# Clocks of two machines differ; a minute is more than NTP leaves.
_LEEWAY_SECONDS = 60
_ASK_AGAIN = timedelta(hours=1)
_ANEW = {"max_age": "0", "prompt": "login", "claims": '{"id_token":{"auth_time":{"essential":true}}}'}
_SECONDS = 10.0


class ProviderAway(ReviewError):
    template = "Không hỏi được {name}. Thử lại, hoặc đăng nhập bằng mật khẩu."


class NotVouched(ReviewError):
    template = "{name} không xác nhận được lần đăng nhập này. Hãy bắt đầu lại."


class NotInvited(ReviewError):
    template = "{name} biết bạn, nhưng ở đây chưa có tài khoản hay vai trò cho bạn. Hãy nhờ quản trị."


@dataclass(frozen=True)
class Vouched:
    """What a sound ID token says: the subject, what the provider calls them, and the values of the roles.

    `proved_at` is when the person last showed the provider that it is them, where it says so.
    """

    subject: str
    name: str
    values: frozenset[str]
    proved_at: datetime | None = None


@dataclass
class Outside:
    """Talks to one provider; what it publishes is kept for an hour, its keys until one is unknown."""

    provider: Provider
    _metadata: tuple[float, dict[str, Any]] | None = None
    _keys: KeySet | None = None
    _lock: Lock = field(default_factory=Lock)

    def begin(self, redirect: str, *, anew: bool = False) -> tuple[str, dict[str, str]]:
        """Return where to send the browser, and what must be kept until it comes back to `redirect`.

        With `anew` the provider is asked to let the person sign in again and to say when they did
        (OpenID Connect Core 3.1.2.1 and 5.5).
        """
        kept = {"state": generate_token(32), "nonce": generate_token(32), "verifier": generate_token(64)}
        with self._client(redirect) as client:
            url, _state = client.create_authorization_url(
                self._published()["authorization_endpoint"],
                state=kept["state"],
                nonce=kept["nonce"],
                code_verifier=kept["verifier"],
                **(_ANEW if anew else {}),
            )
        return str(url), kept

    def finish(
        self, answered: Mapping[str, str], kept: Mapping[str, str], redirect: str, at: datetime
    ) -> Vouched:
        """Take the answer that a browser brought back, ask for its token, and return what it says.

        Raises `NotVouched`, the reason as its cause, or `ProviderAway`.
        """
        try:
            if answered.get("state") != kept["state"]:
                raise ValueError("state")
            if answered.get("iss", self.provider.issuer) != self.provider.issuer:  # RFC 9207
                raise ValueError("iss of the answer")
            if "code" not in answered:
                raise ValueError(answered.get("error", "no code")[:100])
            with self._client(redirect) as client:
                token = client.fetch_token(
                    self._published()["token_endpoint"],
                    grant_type="authorization_code",
                    code=answered["code"],
                    code_verifier=kept["verifier"],
                )
            return self._vouched(token, kept["nonce"], at)
        except httpx2.HTTPError as error:
            raise ProviderAway(name=self.provider.name) from error
        except (OAuthError, JoseError, ValueError, KeyError, TypeError) as error:
            raise NotVouched(name=self.provider.name) from error

    def _vouched(self, token: Mapping[str, Any], nonce: str, at: datetime) -> Vouched:
        decoded = self._decoded(str(token["id_token"]))
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": self.provider.issuer},
                "aud": {"essential": True, "value": self.provider.client_id},
            },
            params={
                "nonce": nonce,
                "client_id": self.provider.client_id,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(now=int(at.timestamp()), leeway=_LEEWAY_SECONDS)
        subject = claims["sub"]
        if not isinstance(subject, str) or not subject:
            raise ValueError("sub")
        name = claims.get(self.provider.login_claim)
        if self.provider.login_claim == "email" and claims.get("email_verified") is not True:
            name = None
        values = claims.get(self.provider.role_claim, [])
        values = values.split() if isinstance(values, str) else values
        found = frozenset(str(value) for value in values) if isinstance(values, list) else frozenset()
        return Vouched(subject, name if isinstance(name, str) else "", found, _proved(claims, at))

    def _decoded(self, token: str) -> jwt.Token:
        registry = JWSRegistry(algorithms=_SIGNED_BY, strict_check_header=False)
        keys = self._keys or self._fetched_keys()
        try:
            return jwt.decode(token, keys, registry=registry)
        except InvalidKeyIdError:
            # The provider changed its keys.
            return jwt.decode(token, self._fetched_keys(), registry=registry)

    def _fetched_keys(self) -> KeySet:
        published = cast("KeySetSerialization", self._fetched(self._published()["jwks_uri"]))
        self._keys = KeySet.import_key_set(published)
        return self._keys

    def _published(self) -> dict[str, Any]:
        with self._lock:
            if (
                self._metadata is not None
                and time.monotonic() - self._metadata[0] < _ASK_AGAIN.total_seconds()
            ):
                return self._metadata[1]
            try:
                found = OpenIDProviderMetadata(
                    self._fetched(get_well_known_url(self.provider.issuer, external=True))
                )
                if found.get("issuer") != self.provider.issuer:
                    raise ValueError("the provider names another issuer than the settings do")
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    url = found.get(name)
                    if not isinstance(url, str) or not url.startswith(("https://", _plain(self.provider))):
                        raise ValueError(f"the provider publishes no safe {name}")
            except (httpx2.HTTPError, ValueError, TypeError) as error:
                raise ProviderAway(name=self.provider.name) from error
            self._metadata = (time.monotonic(), dict(found))
            return self._metadata[1]

    def _fetched(self, url: str) -> dict[str, Any]:
        with httpx2.Client(timeout=_SECONDS) as client:
            answer = client.get(url, headers={"Accept": "application/json"})
            answer.raise_for_status()
            found = answer.json()
        if not isinstance(found, dict):
            raise ValueError(f"{url} is no JSON object")
        return found

    def _client(self, redirect: str) -> OAuth2Client:
        return OAuth2Client(
            client_id=self.provider.client_id,
            client_secret=self.provider.client_secret or None,
            scope="openid profile email",
            redirect_uri=redirect,
            code_challenge_method="S256",
            timeout=_SECONDS,
        )


def admitted(session: Session, provider: Provider, vouched: Vouched, at: datetime) -> User:
    """Return the user whom a provider vouched for; raises `NotInvited`, `accounts.LastAdmin`.

    The first time, the account that an administrator opened to that name is bound to the subject; from then
    on the subject alone counts. Where the settings map roles, the role is the provider's word.
    """
    identity = session.scalar(
        select(OutsideIdentity).where(
            OutsideIdentity.issuer == provider.issuer, OutsideIdentity.subject == vouched.subject
        )
    ) or session.scalar(
        select(OutsideIdentity).where(
            OutsideIdentity.issuer == provider.issuer,
            OutsideIdentity.name == vouched.name,
            OutsideIdentity.subject.is_(None),
            OutsideIdentity.name != "",
        )
    )
    user = session.get(User, identity.user_id) if identity is not None else None
    role = _role(provider, vouched)
    if identity is None or user is None or not user.active or (provider.roles and role is None):
        raise NotInvited(name=provider.name)
    if identity.subject is None:
        identity.subject, identity.bound_at = vouched.subject, at
        audit.append(session, audit.SYSTEM, "user.bound", f"user:{user.id}", issuer=provider.issuer)
        if user.must_change:
            # The password that was given once was never used, and is not needed now.
            user.password_hash, user.must_change = passwords.nobody_knows(), False
    if role is not None:
        accounts.change_role(session, user, role, audit.SYSTEM)
    return user


def _plain(provider: Provider) -> str:
    """Return the only beginning of addresses that may go without TLS: none, but in a trial on one machine."""
    return "http://" if provider.issuer.startswith("http://") else "https://"


def _proved(claims: Mapping[str, Any], at: datetime) -> datetime | None:
    # Never later than now: a provider's clock that runs ahead must not make a proof last longer.
    said = claims.get("auth_time")
    if (
        isinstance(said, bool)
        or not isinstance(said, int)
        or not 0 <= said <= at.timestamp() + _LEEWAY_SECONDS
    ):
        return None
    return min(datetime.fromtimestamp(said, UTC), at)


def _role(provider: Provider, vouched: Vouched) -> Role | None:
    return next((role for value, role in provider.roles if value in vouched.values), None)
