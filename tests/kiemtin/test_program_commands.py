"""The commands for programs and messages: tokens, webhooks, dead letters."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api import tokens
from kiemtin.cli import app
from kiemtin.delivery import signature
from store import key_file
from store.delivery import BadMessage, owe
from store.delivery_tables import Delivery
from store.keys import Keys
from store.records import Records
from store.vocabulary import DeliveryState, Role
from tests.factory import NOW, Place, person

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, sqlite: Records, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIEMTIN_DATABASE_URL", sqlite.url)

    def ran(*line: str, status: int = 0) -> str:
        answer = CliRunner().invoke(app, line)
        assert answer.exit_code == status, (answer.output, answer.exception)
        return answer.output

    return ran


def test_a_token_is_made_listed_and_ended(run: Run, sqlite: Records) -> None:
    person(sqlite, "hoa", Role.LEAD)
    made = run("token", "add", "hoa", "--name", "bảng", "--scope", "read", "--scope", "claims", "--days", "5")
    found = re.search(r"kt_\S+", made)
    assert found is not None
    listed = run("token", "list", "hoa")
    assert "bảng" in listed
    assert "claims, read" in listed
    assert found[0] not in listed
    run("token", "revoke", "1")
    assert "đã hủy" in run("token", "list")
    assert "Chưa có mã nào" in run("token", "list", "minh")
    run("token", "add", "hoa", "--name", "x", "--scope", "decide", status=2)
    with sqlite.read() as session:
        assert tokens.by_id(session, 1).revoked_at is not None


def test_a_webhook_is_added_with_its_secret_and_removed(run: Run, tmp_path: Path) -> None:
    url = "https://hooks.example.vn/x"
    added = run("webhook", "add", url, "--event", "case.decided")
    secret = signature.shown(Keys.load(tmp_path / "var" / "kiemtin.key").webhook(url))
    assert secret in added
    assert secret in run("webhook", "secret", url)
    assert run("webhook", "list").strip() == f"{url}  case.decided"
    run("webhook", "remove", url)
    assert "Chưa báo" in run("webhook", "list")
    with pytest.raises(BadMessage):
        raise CliRunner().invoke(app, ["webhook", "add", "ftp://x/"]).exception or AssertionError


def test_dead_letters_are_listed_and_sent_anew(run: Run, sqlite: Records) -> None:
    with sqlite.write() as session:
        for number in range(3):
            made = owe(session, "email", f"a{number}@example.vn", "Báo cáo", "x", kind="weekly", at=NOW)
            made.state, made.error = DeliveryState.DEAD, "550 không có hộp thư"
    dead = run("delivery", "list", "--state", "dead")
    assert "550 không có hộp thư" in dead
    assert "bỏ cuộc" in dead
    assert "Gửi lại 1 thư" in run("delivery", "retry", "2")
    assert "Gửi lại 2 thư" in run("delivery", "retry")
    assert "Không có gì" in run("delivery", "list", "--state", "dead")
    with sqlite.read() as session:
        assert session.get_one(Delivery, 2).state == DeliveryState.WAITING


def test_keys_are_listed_changed_and_dropped(run: Run, sqlite: Records, tmp_path: Path) -> None:
    path = tmp_path / "var" / "kiemtin.key"
    Place(sqlite, Keys.load(path)).take("Nước chanh chữa khỏi COVID", "Uống cồn chữa khỏi COVID")
    assert "đang dùng" in run("keys", "list")
    assert "Đã niêm phong lại 2 tên tác giả" in run("keys", "rotate")
    shown = run("keys", "list")
    assert "cũ, chỉ để mở" in shown
    ring = key_file.load(path)
    assert not any(one.secret.hex() in shown for one in ring.sealing)
    run("keys", "drop", status=1)  # within the hour
    hour_ago = datetime.now(UTC) - timedelta(hours=2)
    newest = key_file.Sealing(ring.sealing[0].secret, hour_ago)
    key_file.replace(path, key_file.Ring(ring.base, (newest, *ring.sealing[1:])))
    assert "Đã bỏ khóa" in run("keys", "drop")
    assert "Không có khóa cũ nào" in run("keys", "drop")
