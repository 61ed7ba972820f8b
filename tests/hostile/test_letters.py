"""Hostile texts in mail: a letter leaves, with its own headers and no other, and says the text as text."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import SMTP

import pytest

from kiemtin.delivery.mail import letter
from store.delivery_tables import Delivery
from store.text import writable
from tests.hostile.corpus import EVERY

HEADERS = "a\r\nBcc: tat-ca@evil.example\r\n\r\n<script>alert(1)</script>"
HEADS = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"}
TEXTS = EVERY | {"headers": HEADERS, "half a pair": "tin \ud800 giả"}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_letter_of_it_has_its_own_headers_and_says_it_as_text(text: str) -> None:
    owed = Delivery(
        key="1",
        recipient="lan@so.example",
        subject=f"Bộ lọc {text}",
        body_text=text,
        body_html="",
        attachments=[],
    )
    read = message_from_bytes(letter(owed, "kiemtin@so.example").as_bytes(), policy=SMTP)
    assert {name for name in read if not name.startswith("Content-")} == HEADS
    assert len(read["Subject"].splitlines()) == 1
    assert read["To"] == "lan@so.example"
    assert read.get_content_type() == "text/plain"
    assert read.get_content().split() == writable(text).split()
