"""An operator keeps the knowledge base: brings claims, looks at them, changes one, takes one out, gives them on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

import models
from classifier.claims.weights import load_weights
from classifier.policy import load_policy
from kiemtin.cli import main
from store import audit
from store.tables import Event
from tests.conftest import shared
from tests.kiemtin.program import Program

ROW = {
    "id": "la-oi", "claim": "Uống nước lá ổi mỗi ngày chữa khỏi COVID.", "harm": "cure", "verdict": "false",
    "correction": "Không chữa được.", "source": {"name": "Sở Y tế"},
}  # fmt: skip


class InProcess:
    """An installation whose commands run in this process, as `python -m kiemtin` runs them."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.program, self.folder = Program(folder), folder
        self._patch, self._printed = monkeypatch, capsys
        folder.mkdir(exist_ok=True)
        self.run("migrate")

    def run(self, *arguments: str, expect: int = 0) -> str:
        self._patch.chdir(self.folder)
        for name, value in self.program.environment.items():
            self._patch.setenv(name, value)
        self._patch.setattr(sys, "argv", ["kiemtin", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = self._printed.readouterr()
        assert (ended.value.code or 0) == expect, printed
        return printed.out + printed.err


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    return InProcess(tmp_path, monkeypatch, capsys)


def test_claims_are_brought_shown_changed_and_given_on(
    program: InProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = len(models.claims())
    assert f"{shipped} tuyên bố" in program.run("claims", "list")
    (program.folder / "in.jsonl").write_text(
        "\n".join(json.dumps(row) for row in (ROW, {**ROW, "id": "hai", "harm": "lạ"}, {**ROW, "id": "ba"}))
    )
    said = program.run("claims", "import", "in.jsonl", expect=1)
    assert "Dòng 2: harm 'lạ' không có" in said
    (refused,) = (program.folder / "in.jsonl.errors.jsonl").read_text().splitlines()
    assert json.loads(refused)["line"] == 2
    assert json.loads(json.loads(refused)["raw"])["id"] == "hai"
    (program.folder / "in.jsonl").write_text(json.dumps(ROW))
    assert "không đổi" in program.run("claims", "import", "in.jsonl")
    assert not (program.folder / "in.jsonl.errors.jsonl").exists()

    program.run(
        "claims", "edit", "la-oi", "--valid-from", "2021-07-01", "--correction", "Lời mới.", "--reason", "x"
    )
    program.run("claims", "retire", "ba", "--reason", "trùng")
    shown = program.run("claims", "show", "la-oi")
    for words in ("Lời mới.", "2021-07-01 → …", "Sở Y tế", "đang dùng"):
        assert words in shown
    assert "1 tuyên bố" in program.run("claims", "list", "lá ổi", "--retired")
    program.run("claims", "retire", "ba", "--undo")
    assert "ba" in program.run("claims", "list", "lá ổi")

    program.run("claims", "export", "out.jsonld")
    graph = json.loads((program.folder / "out.jsonld").read_text())["@graph"]
    assert len(graph) == shipped + 2
    other = InProcess(program.folder / "other", monkeypatch, capsys)
    told = other.run("claims", "import", str(program.folder / "out.jsonld"))
    assert told.count(str(shipped)) >= 1
    other.run("claims", "export", "again.jsonld")
    assert (other.folder / "again.jsonld").read_text() == (program.folder / "out.jsonld").read_text()

    # A start brings nothing back that was changed here, and leaves the chain sound.
    program.run("migrate")
    assert "Lời mới." in program.run("claims", "show", "la-oi")
    records = program.program.records()
    with records.read() as session:
        assert audit.verify(session).ok
        actions = session.scalars(select(Event.action).where(Event.subject == "claim:ba")).all()
    records.close()
    assert actions == ["claim.added", "claim.retired", "claim.restored"]


def test_a_claim_is_added_by_hand_and_a_mistake_is_said(program: InProcess) -> None:
    add = (
        "claims",
        "add",
        "muoi-ot",
        "--claim",
        "Ăn muối ớt là hết vi rút",
        "--harm",
        "cure",
        "--verdict",
        "false",
    )
    assert "thiếu source.name" in program.run(*add, "--correction", "Không.", expect=2)
    program.run(
        *add, "--correction", "Không.", "--source", "Báo", "--paraphrase", "chấm muối ớt cho khỏi cô vít"
    )
    assert "chấm muối ớt" in program.run("claims", "show", "muoi-ot")
    assert "claims edit" in program.run(*add, "--correction", "Không.", "--source", "Báo", expect=2)
    assert "Không có tuyên bố" in program.run("claims", "show", "không-có", expect=2)
    assert "verdict 'true' không có" in program.run(
        "claims", "edit", "muoi-ot", "--verdict", "true", expect=2
    )
    assert "không đổi" in program.run("claims", "edit", "muoi-ot", "--verdict", "false")
    assert "Không đọc được" in program.run("claims", "import", "không-có.jsonl", expect=2)
    # What was added is what `search alike` looks for by its id.
    program.run("search", "alike", "muoi-ot")


def test_weights_and_thresholds_are_chosen_by_one_command(program: InProcess) -> None:
    data = program.folder / "data"
    data.mkdir()
    for name, rows in (("functional_a", None), ("posts_unlabelled", 60), ("news_comments", 60)):
        lines = shared(f"data/{name}.jsonl").read_text(encoding="utf-8").split("\n")[:rows]
        (data / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    policy = program.folder / "policy.yaml"
    policy.write_text(models.read_text("policy.yaml"))
    said = program.run("claims", "calibrate", "data", "--out", "w.json", "--policy", "policy.yaml")
    weights, limits = load_weights(program.folder / "w.json"), load_policy(policy).thresholds.claim
    assert f"suggest: {limits.suggest:g}, confirm: {limits.confirm:g}" in said
    assert weights.encoder in said
    assert load_policy(policy).version != load_policy().version
    (data / "news_comments.jsonl").unlink()
    assert "news_comments.jsonl" in program.run("claims", "calibrate", "data", expect=2)
