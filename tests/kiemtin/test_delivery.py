"""What is owed arrives: by a real mail server and a real receiver of webhooks, once, signed, or as a dead letter."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select, update

from kiemtin.delivery import signature
from kiemtin.delivery.carrier import Undelivered
from kiemtin.delivery.mail import Mail
from kiemtin.delivery.webhook import Webhooks
from kiemtin.work.deliver import Delivering
from review import decision, queue
from review.decision import Verdict
from store import audit, sending, webhooks
from store.delivery import Attachment, BadMessage, owe
from store.delivery_tables import Delivery
from store.keys import Keys
from store.records import Records
from store.tables import Event
from store.vocabulary import Channel, DeliveryState, Outcome
from store.work_tables import Task
from tests.factory import HARMFUL, NOW, Place, person

LOCAL = ("127.0.0.0/8", "::1/128")


@dataclass
class MailServer:
    """Takes mail, but for recipients that begin with `unknown` (for good) or `later`."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("unknown"):
            return "550 no such mailbox"
        if address.startswith("later"):
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 taken"

    def mail(self, security: str = "none") -> Mail:
        return Mail("127.0.0.1", self.port, "Kiểm Tin <desk@example.vn>", security)


@pytest.fixture
def server() -> Iterator[MailServer]:
    made = MailServer()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        made.port = probe.getsockname()[1]
    controller = Controller(made, hostname="127.0.0.1", port=made.port)
    controller.start()
    yield made
    controller.stop()


@dataclass
class Receiver:
    """Remembers what is posted to it, and answers with `status`."""

    url: str = ""
    status: int = 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(made.status)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{listening.server_port}/hook?from=desk"
    thread = Thread(target=listening.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield made
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def station(server: MailServer, keys: Keys) -> Callable[[Records], Delivering]:
    def made(records: Records) -> Delivering:
        return Delivering(
            records, {Channel.EMAIL: server.mail(), Channel.WEBHOOK: Webhooks(keys.webhook, LOCAL)}
        )

    return made


def put(records: Records, channel: str, to: str, **more: Any) -> int:
    with records.write() as session:
        given: dict[str, Any] = {
            "subject": "Báo cáo tuần 47",
            "body_text": "{}",
            "kind": "test",
            "at": NOW,
            **more,
        }
        return owe(session, channel, to, **given).id


def state(records: Records, delivery_id: int) -> Delivery:
    with records.read() as session:
        return session.get_one(Delivery, delivery_id)


def due(records: Records) -> datetime | None:
    with records.read() as session:
        return session.scalar(select(Task.due_at).where(Task.kind == "deliver"))


def hasten(records: Records) -> None:
    with records.write() as session:
        session.execute(update(Task).values(due_at=NOW, owed_at=NOW))


def test_a_letter_arrives_with_its_html_and_its_files_and_is_not_kept(
    records: Records, server: MailServer, station: Callable[[Records], Delivering]
) -> None:
    file = Attachment("tuần-47.csv", "text/csv", "ca;số\n1;2\n".encode())
    owed = put(
        records, "email", "lead@example.vn", body_text="Tuần này có 12 ca.", body_html="<p>12 ca</p>",
        attachments=[file],
    )  # fmt: skip
    station(records).once()
    (letter,) = server.letters
    assert letter["Subject"] == "Báo cáo tuần 47"
    assert letter["From"].addresses[0].display_name == "Kiểm Tin"
    assert letter["Auto-Submitted"] == "auto-generated"
    text, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert text is not None
    assert text.get_content().strip() == "Tuần này có 12 ca."
    assert html is not None
    (attached,) = letter.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("tuần-47.csv", "ca;số\n1;2\n")
    kept = state(records, owed)
    assert (kept.state, kept.body_text, kept.body_html, kept.attachments) == ("sent", "", "", [])
    assert letter["Message-ID"] == f"<{kept.key}@example.vn>"
    assert due(records) is None
    with records.read() as session:
        event = session.scalars(select(Event).where(Event.action == "delivery.sent")).one()
        assert "example.vn" not in event.detail


def test_a_message_and_its_cause_are_one_transaction(sqlite: Records) -> None:
    with pytest.raises(RuntimeError), sqlite.write() as session:
        owe(session, "email", "a@example.vn", "x", "y", kind="test", at=NOW)
        raise RuntimeError
    assert due(sqlite) is None


def test_what_cannot_be_sent_comes_back_ever_later_and_then_is_a_dead_letter(
    sqlite: Records, station: Callable[[Records], Delivering], server: MailServer
) -> None:
    owed = put(sqlite, "email", "later@example.vn")
    sender = station(sqlite)
    waited = []
    for _ in sending.PAUSES:
        before = datetime.now(UTC)
        assert sender.once() == 1
        assert sender.once() == 0, "not before its pause is over"
        again = due(sqlite)
        assert again is not None
        waited.append(again - before)
        assert state(sqlite, owed).state == DeliveryState.WAITING
        hasten(sqlite)
    assert all(
        pause <= spent <= pause * 1.2 + timedelta(seconds=30)
        for pause, spent in zip(sending.PAUSES, waited, strict=True)
    )
    sender.once()
    dead = state(sqlite, owed)
    assert (dead.state, dead.attempts, due(sqlite)) == ("dead", len(sending.PAUSES) + 1, None)
    assert "451" in (dead.error or "")
    with sqlite.write() as session:
        session.get_one(Delivery, owed).recipient = "now@example.vn"
        assert sending.retry(session, "user:1", NOW, [owed, 99]) == [owed]
    sender.once()
    assert state(sqlite, owed).state == DeliveryState.SENT
    with sqlite.write() as session:
        assert sending.retry(session, "user:1", NOW) == [], "what was sent is never sent again"
    assert len(server.letters) == 1


def test_a_refusal_for_good_is_a_dead_letter_at_once_and_holds_nobody_up(
    sqlite: Records, station: Callable[[Records], Delivering], server: MailServer
) -> None:
    refused, taken = put(sqlite, "email", "unknown@example.vn"), put(sqlite, "email", "known@example.vn")
    sender = station(sqlite)
    sender.once()
    assert state(sqlite, refused).state == DeliveryState.DEAD
    assert "550" in (state(sqlite, refused).error or "")
    assert state(sqlite, taken).state == DeliveryState.SENT
    assert sender.hand.counters["deliver/dead"] == sender.hand.counters["deliver/email"] == 1


def test_mail_is_never_sent_in_the_clear_by_accident(server: MailServer) -> None:
    message = Delivery(
        recipient="a@example.vn", key="x", subject="x", body_text="x", body_html="", attachments=[]
    )
    with pytest.raises(Undelivered, match="STARTTLS") as caught:
        server.mail("starttls").send(message)
    assert not caught.value.for_good
    with pytest.raises(Undelivered, match="Không gửi được"):
        server.mail("tls").send(message)
    with pytest.raises(Undelivered, match="KIEMTIN_SMTP_HOST"):
        Mail("", 587, "").send(message)
    assert server.letters == []


BAD = (
    ("email", "không phải thư", "x"),
    ("email", "a@example.vn\nBcc: b@example.vn", "x"),
    ("email", "a@example.vn, b@example.vn", "x"),
    ("email", "@example.vn", "x"),
    ("email", "a@example.vn", "x\nBcc: b@example.vn"),
    ("email", "a@example.vn", ""),
    ("webhook", "ftp://example.vn/", "x"),
    ("webhook", "https://user:pass@example.vn/", "x"),
    ("webhook", "https://example.vn:port/", "x"),
    ("webhook", "https://example.vn/\r\nX: y", "x"),
    ("webhook", "https:///path", "x"),
)


def test_an_address_or_subject_that_would_do_harm_is_refused(sqlite: Records) -> None:
    for channel, to, subject in BAD:
        with pytest.raises(BadMessage):
            put(sqlite, channel, to, subject=subject)
    assert due(sqlite) is None


def test_a_webhook_carries_a_signature_that_its_receiver_can_check(
    sqlite: Records, receiver: Receiver, station: Callable[[Records], Delivering], keys: Keys
) -> None:
    owed = put(sqlite, "webhook", receiver.url, body_text='{"type":"thử"}')
    station(sqlite).once()
    ((headers, body),) = receiver.got
    assert state(sqlite, owed).state == DeliveryState.SENT
    # As the specification of Standard Webhooks says, from what the receiver was given.
    secret = base64.b64decode(signature.shown(keys.webhook(receiver.url)).removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-id"] == state(sqlite, owed).key
    assert abs(datetime.now(UTC).timestamp() - int(headers["webhook-timestamp"])) < 60
    assert headers["host"] == receiver.url.split("/")[2]
    assert keys.webhook(receiver.url) != keys.webhook(receiver.url + "1")


def test_only_a_2xx_counts_as_taken(
    sqlite: Records, receiver: Receiver, station: Callable[[Records], Delivering]
) -> None:
    sender = station(sqlite)
    for status, expected in (
        (500, "waiting"),
        (302, "waiting"),
        (404, "waiting"),
        (410, "dead"),
        (200, "sent"),
    ):
        receiver.got.clear()
        receiver.status = status
        owed = put(sqlite, "webhook", receiver.url)
        sender.once()
        assert state(sqlite, owed).state == expected, status
        assert len(receiver.got) == 1, "no redirect is followed"


PRIVATE = (
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f.1:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://017700000001:{port}/",
    "http://[::1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "https://10.0.0.7/",
    "https://169.254.169.254/latest/meta-data/",
)


@pytest.mark.parametrize("url", [*PRIVATE, "http://8.8.8.8/"])
def test_a_webhook_reaches_no_private_address_and_nothing_in_the_clear(
    receiver: Receiver, keys: Keys, url: str
) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    message = Delivery(recipient=url.format(port=port), key="x", body_text="{}")
    with pytest.raises(Undelivered) as caught:
        Webhooks(keys.webhook).send(message)
    assert caught.value.for_good
    assert receiver.got == []


def test_who_is_told_of_decisions_gets_ids_and_states_and_not_a_word(
    records: Records, receiver: Receiver, station: Callable[[Records], Delivering]
) -> None:
    Place(records).take(*HARMFUL[:2])
    place = Place(records, name="khác")
    place.work()
    hoa = person(records, "hoa")
    with records.write() as session:
        webhooks.add(session, receiver.url, ["case.decided", "referral.approved"], "user:1", NOW)
        webhooks.add(session, "https://example.vn/other", ["report.published"], "user:1", NOW)
        lease = queue.lease_next(session, hoa, queue.ALL, NOW)
        assert lease is not None
        seen = next(case for case in place.cases() if case.id == lease.case_id).content_hash
        verdict = Verdict(Outcome.DISMISS, "một lý do riêng")
        decision.decide(session, hoa, lease.case_id, lease.version, lease.token, seen, verdict, NOW)
        audit.append(session, "user:1", "referral.approved", "referral:7", reason="riêng", author="x")
    sender = station(records)
    while sender.once():
        pass
    told = [json.loads(body) for _, body in receiver.got]
    assert [(one["type"], one["data"]["kind"], one["data"]["id"], one["data"]["state"]) for one in told] == [
        ("case.decided", "case", str(lease.case_id), "decided"),
        ("referral.approved", "referral", "7", "approved"),
    ]
    assert all(set(one) == {"type", "timestamp", "data"} for one in told)
    assert all(set(one["data"]) == {"kind", "id", "state", "event"} for one in told)
    with records.write() as session:
        webhooks.remove(session, receiver.url, "user:1")
        audit.append(session, "user:1", "referral.recalled", "referral:7")
    assert sender.once() == 0


def test_webhooks_are_added_once_and_only_for_events_that_there_are(sqlite: Records) -> None:
    with sqlite.write() as session:
        assert "report.published" in webhooks.add(session, "https://example.vn/", (), "user:1", NOW).events
        with pytest.raises(BadMessage, match="Đã báo"):
            webhooks.add(session, "https://example.vn/", (), "user:1", NOW)
        with pytest.raises(BadMessage, match=r"user\.created"):
            webhooks.add(session, "https://example.vn/2", ["user.created"], "user:1", NOW)
        with pytest.raises(BadMessage):
            webhooks.remove(session, "https://example.vn/2", "user:1")


def test_a_worker_killed_after_sending_sends_the_same_message_again_under_its_key(
    sqlite: Records,
    server: MailServer,
    station: Callable[[Records], Delivering],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(sqlite, "email", "a@example.vn")

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(sending, "sent", killed)
        station(sqlite).once()
    hasten(sqlite)
    station(sqlite).once()
    assert len(server.letters) == 2
    assert len({letter["Message-ID"] for letter in server.letters}) == 1
    assert due(sqlite) is None
