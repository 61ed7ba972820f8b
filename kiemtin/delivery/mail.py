"""Sends e-mail by SMTP."""

from __future__ import annotations

import base64
import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from kiemtin.delivery.carrier import Undelivered
from store.delivery_tables import Delivery
from store.text import writable

SECONDS = 30
_ABSENT = "Chưa đặt KIEMTIN_SMTP_HOST và KIEMTIN_MAIL_FROM, nên không gửi được thư."


@dataclass(frozen=True)
class Mail:
    """A mail server and how to speak to it. `security` is `starttls`, `tls` or `none`."""

    host: str
    port: int
    sender: str
    security: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    trusted: ssl.SSLContext | None = None

    def send(self, message: Delivery) -> None:
        """Hand a message to the server; raises `Undelivered`, for good where the server refuses it so."""
        if not self.host or not self.sender:
            raise Undelivered(_ABSENT)
        try:
            with self._open() as server:
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(letter(message, self.sender))
        except smtplib.SMTPAuthenticationError as error:
            raise Undelivered(f"Máy chủ thư không nhận mật khẩu ({error.smtp_code}).") from error
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            raise _refused(code, said) from error
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPException, OSError) as error:
            raise Undelivered(f"Không gửi được qua {self.host}:{self.port}: {error}") from error

    def _open(self) -> smtplib.SMTP:
        trusted = self.trusted or ssl.create_default_context()
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=trusted)
        server = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        if self.security == "starttls":
            # Raises where the server offers none: a password or a letter never goes in the clear by accident.
            try:
                server.starttls(context=trusted)
            except BaseException:
                server.close()
                raise
        return server


def letter(message: Delivery, sender: str) -> EmailMessage:
    """Return the e-mail of a message: its text, the HTML beside it, and its files.

    A subject is one line, whatever names are in it, and no sign is in the letter that no reader can hold: it
    would not leave at all. `Message-ID` is the same at each attempt; nobody's holiday notice answers what a
    program wrote (RFC 3834).
    """
    made = EmailMessage(policy=SMTP)
    made["From"] = sender
    made["To"] = message.recipient
    made["Subject"] = " ".join(writable(message.subject).split())
    made["Date"] = format_datetime(datetime.now(UTC))
    made["Message-ID"] = f"<{message.key}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(writable(message.body_text))
    if message.body_html:
        made.add_alternative(writable(message.body_html), subtype="html")
    for file in message.attachments:
        main, _, sub = file["media_type"].partition("/")
        params = {"charset": "utf-8"} if main == "text" else {}
        made.add_attachment(
            base64.b64decode(file["content"]),
            maintype=main,
            subtype=sub,
            filename=file["name"],
            params=params,
        )
    return made


def _refused(code: int, said: bytes | str) -> Undelivered:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    return Undelivered(f"Máy chủ thư từ chối: {code} {words}", for_good=500 <= code < 600)
