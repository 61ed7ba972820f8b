"""Posts signed webhooks: to public addresses only, or to the private networks that the operator opened."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import urllib3

from crawlers.addresses import Allowed
from kiemtin.delivery import signature
from kiemtin.delivery.carrier import Undelivered
from store.delivery_tables import Delivery

SECONDS = 15.0
_GONE = 410


class Webhooks:
    """Posts messages, each signed with the secret that `secret_of` gives for its address."""

    def __init__(
        self, secret_of: Callable[[str], bytes], opened: tuple[str, ...] = (), ca_file: str | None = None
    ) -> None:
        self._secret_of = secret_of
        self._allowed = Allowed(opened)
        self._ca_file = ca_file

    def send(self, message: Delivery) -> None:
        """Post a message; raises `Undelivered`, for good where the address may not be reached or is gone.

        The connection goes to the very address that was looked at, so a name that changes its address in
        between gains nothing, and no redirect is followed.
        """
        url, body = message.recipient, message.body_text.encode()
        signed = signature.headers(self._secret_of(url), message.key, datetime.now(UTC), body)
        try:
            with self._pool(url) as pool:
                answer = pool.request(
                    "POST", _path(url), body=body, redirect=False, retries=False, preload_content=False,
                    headers={
                        "Host": urlsplit(url).netloc, "Content-Type": "application/json",
                        "User-Agent": "kiemtin", **signed,
                    },
                )  # fmt: skip
                status = answer.status
                answer.close()
        except urllib3.exceptions.HTTPError as error:
            raise Undelivered(f"Không gửi được tới {_host(url)}: {error}") from error
        if not 200 <= status < 300:
            raise Undelivered(f"{_host(url)} trả lời {status}.", for_good=status == _GONE)

    def _pool(self, url: str) -> urllib3.HTTPConnectionPool:
        parts = urlsplit(url)
        host = _host(url)
        timeout = urllib3.Timeout(total=SECONDS)
        address, private = self._look_up(host, parts.port or (443 if parts.scheme == "https" else 80))
        if parts.scheme == "https":
            given: dict[str, Any] = {"ca_certs": self._ca_file} if self._ca_file else {}
            return urllib3.HTTPSConnectionPool(
                address,
                parts.port or 443,
                timeout=timeout,
                server_hostname=host,
                assert_hostname=host,
                **given,
            )
        if not private:
            raise Undelivered(f"Webhook ra ngoài phải dùng https: {host}.", for_good=True)
        return urllib3.HTTPConnectionPool(address, parts.port or 80, timeout=timeout)

    def _look_up(self, host: str, port: int) -> tuple[str, bool]:
        """Return an address of a host that may be reached, and whether the operator opened it."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Undelivered(f"Không tìm thấy máy {host}: {error}") from error
        addresses = [str(entry[4][0]) for entry in found]
        refused = [address for address in addresses if address not in self._allowed]
        if refused:
            raise Undelivered(
                f"{host} dẫn tới mạng riêng {refused[0]}: mở bằng KIEMTIN_WEBHOOK_PRIVATE nếu đúng ý.",
                for_good=True,
            )
        return addresses[0], addresses[0] not in Allowed()


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
