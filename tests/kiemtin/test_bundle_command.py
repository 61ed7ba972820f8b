"""`kiemtin bundle`: what each command does, and what it ends with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kiemtin.cli import app
from kiemtin.demo_authority import authority
from review.errors import ReviewError
from store.bundle_tables import Redaction
from store.migrate import migrate
from store.records import Records
from store.tables import Referral
from tests.evidence.made import BEGUN, MARKS, approved

Command = Callable[..., Result]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with one approved referral whose masking was confirmed, and keys to sign with."""
    monkeypatch.chdir(tmp_path)
    own = authority(tmp_path / "ca")
    for name, value in {
        "DATA_DIR": tmp_path / "var", "BUNDLE_CERT": own.of("department.pem"), "BUNDLE_KEY": own.of("department.key"),
        "BUNDLE_TSA": "http://127.0.0.1:9/", "BUNDLE_TSA_CA": own.of("root.pem"), "LIAISON_CERT": own.of("liaison.pem"),
    }.items():  # fmt: skip
        monkeypatch.setenv(f"KIEMTIN_{name}", str(value))
    records = Records(f"sqlite:///{tmp_path / 'var/kiemtin.db'}")
    migrate(records)
    made = approved(records, tmp_path / "var")
    with records.write() as session:
        referral = session.get_one(Referral, made.referral_id)
        referral_evidence = referral.evidence_sha256
        session.add(
            Redaction(
                referral_id=referral.id, evidence_sha256=referral_evidence, marks=list(MARKS), boxes=[], images=False,
                original_reason="", user_id=made.liaison.id, at=BEGUN,
            )
        )  # fmt: skip
    records.close()
    return tmp_path


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    from kiemtin.commands import bundle

    monkeypatch.setattr(bundle, "_now", lambda: BEGUN)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["bundle", *words])

    return run


def test_a_bundle_is_built_verified_shown_acknowledged_and_recalled(place: Path, run: Command) -> None:
    built = run("build", "1", "--as", "lan", "--out", "b.zip")
    assert built.exit_code == 0, built.output
    assert "Chưa có dấu thời gian" in built.output
    assert run("timestamp", "--now").exit_code == 3
    root = str(place / "ca/root.pem")
    assert run("verify", "b.zip", "--ca", root, "--tsa-ca", root).exit_code == 3
    said = json.loads(run("verify", "b.zip", "--ca", root, "--json").output)
    assert (said["state"], len(said["manifest_sha256"])) == ("open", 64)
    shown = run("show", "b.zip").output
    assert "Thuốc nam" in shown
    assert "Nguyễn Thị Hoa" not in shown
    shutil.copy("b.zip", "x.zip")
    with Path("x.zip").open("r+b") as file:
        file.seek(200)
        file.write(b"\x00")
    broken = run("verify", "x.zip")
    assert (broken.exit_code, "KHÔNG nguyên vẹn" in broken.output) == (1, True)
    assert run("receipt", "1", "Số 45/BN", "--as", "lan").exit_code == 0
    assert run("recall", "1", "--as", "tâm", "--reason", "đã cải chính", "--out", "r.zip").exit_code == 0
    assert run("verify", "r.zip", "--ca", root).exit_code == 3
    assert "đã cải chính" in run("show", "r.zip").output


def test_who_may_not_and_who_is_not_there_are_told_so(run: Command) -> None:
    for who in ("hoa", "không ai"):
        refused = run("build", "1", "--as", who)
        assert refused.exit_code == 1
        assert isinstance(refused.exception, ReviewError) or "Không có tài khoản" in str(refused.exception)


def test_help_teaches(run: Command) -> None:
    assert "VERIFY-vi.md" in run("--help").output
    for name in ("build", "verify", "show", "receipt", "recall", "timestamp"):
        said = run(name, "--help").output
        assert "Ví dụ" in said or name in {"show", "timestamp"}, name
