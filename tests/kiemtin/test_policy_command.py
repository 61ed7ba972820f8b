"""`kiemtin policy` as its users meet it, and a switch that a running worker and a running desk take up."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

import models
from classifier.policy import parse
from classifier.policy_edit import revised
from kiemtin.cli import main
from store import policies
from store.records import Records
from store.tables import Assessment, Event, Post
from tests.factory import HARMFUL, HARMLESS, Place, scoring
from tests.kiemtin.program import Program, wait_for

FIRST = models.read_text("policy.yaml")
VERSION = parse(FIRST).version
STRICT = revised(FIRST, "thử-2", {"flag": 0.97, "uncertain": 0.3}, "ít cờ hơn")


@dataclass
class Line:
    """The command line of one installation, run in this process: what its users type and what they read."""

    folder: Path
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: str, expect: int = 0) -> str:
        self.patch.setattr(sys, "argv", ["kiemtin", *arguments])
        self.capture.readouterr()
        status: object = 0
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        said = "".join(self.capture.readouterr())
        assert status == expect, f"{arguments} ended {status}:\n{said}"
        return said

    @property
    def records(self) -> Records:
        return Records(f"sqlite:///{self.folder / 'var' / 'kiemtin.db'}")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Line:
    """A folder in which nothing was made yet, but a policy in a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIEMTIN_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "mới.yaml").write_text(STRICT)
    return Line(tmp_path, monkeypatch, capsys)


@pytest.fixture
def line(empty: Line) -> Line:
    empty.run("migrate")
    return empty


def score(records: Records) -> None:
    station = scoring(records)
    while station.once():
        pass


def judged_by(records: Records) -> dict[str, int]:
    """Return how many posts show an assessment of each policy."""
    with records.read() as session:
        shown = select(Assessment.policy, func.count()).join(Post, Post.assessment_id == Assessment.id)
        return {row[0]: row[1] for row in session.execute(shown.group_by(Assessment.policy))}


def test_a_wrong_policy_is_refused_by_each_command_naming_every_mistake(line: Line) -> None:
    wrong = STRICT.replace("flag: 0.97", "flag: 97\n  flags: 1").replace("satire", "rudeness")
    (line.folder / "sai.yaml").write_text(wrong)
    for command in (("check",), ("backtest",), ("switch", "--reason", "x", "--yes")):
        shown = line.run("policy", command[0], "sai.yaml", *command[1:], expect=2)
        for said in ("thresholds.flag: phải từ 1", "thresholds.flags: không có mục này", "rudeness"):
            assert said in shown, (command, said)
    assert "Không đọc được" in line.run("policy", "check", "không-có.yaml", expect=2)
    assert line.run("policy", "show") == FIRST


def test_a_policy_is_checked_and_tried_without_any_change(line: Line) -> None:
    shown = line.run("policy", "check", "mới.yaml")
    assert "đúng, phiên bản thử-2" in shown
    assert "thresholds.flag" in shown
    place = Place(line.records)
    place.take(*HARMFUL, HARMLESS)
    score(place.records)
    shown = line.run("policy", "backtest", "mới.yaml", "--json", "ra.json", "--quiet")
    for said in ("15 bài", "gắn cờ nhầm", "cụm đổi làn", "chưa chắc", "ca vào hàng đợi mỗi tuần"):
        assert said in shown
    report = json.loads((line.folder / "ra.json").read_text())
    assert (report["before"], report["after"], report["posts"]) == (VERSION, "thử-2", 15)
    assert report["flagged"]["before"]["number"] > report["flagged"]["after"]["number"]
    cases = {case.id for case in place.cases()}
    assert {e["case_id"] for move in report["moves"] for e in move["examples"]} <= cases
    assert "0 bài" in line.run("policy", "backtest", "mới.yaml", "--since", "2100-01-01", "--quiet")
    assert "Không ghi được" in line.run("policy", "backtest", "mới.yaml", "--json", "/không/có", expect=2)
    assert judged_by(place.records) == {VERSION: 15}


def test_only_a_recorded_decision_with_a_reason_switches(line: Line) -> None:
    place = Place(line.records)
    place.take(*HARMFUL, HARMLESS)
    score(place.records)
    switch = ("policy", "switch", "mới.yaml")
    assert "--reason" in line.run(*switch, expect=2)
    assert "Hãy ghi lý do" in line.run(*switch, "--reason", " ", "--yes", expect=2)
    assert "thêm --yes" in line.run(*switch, "--reason", "ít cờ", expect=2)
    assert line.run("policy", "show") == FIRST
    shown = line.run(*switch, "--reason", "ít cờ nhầm hơn", "--yes")
    assert policies.digest(STRICT) in shown
    assert "15 bài chờ xét lại" in shown
    assert line.run("policy", "show") == STRICT
    assert line.run("policy", "show", VERSION) == FIRST
    assert "Chưa từng dùng" in line.run("policy", "show", "thử-9", expect=2)
    listed = line.run("policy", "history")
    for said in ("ít cờ nhầm hơn", "thử-2 (đang dùng)", policies.digest(FIRST), policies.digest(STRICT)):
        assert said in listed
    (line.folder / "cũ.yaml").write_text(FIRST.replace("flag: 0.", "flag: 0.9"))
    again = ("policy", "switch", "cũ.yaml", "--reason", "x", "--yes")
    assert "đặt một version mới" in line.run(*again, expect=2)
    assert "đang được dùng rồi" in line.run(*switch, "--reason", "x", "--yes", expect=2)
    with place.records.read() as session:
        switched = select(Event).where(Event.action == "policy.switched").order_by(Event.id.desc())
        event = session.scalars(switched).first()
        assert event is not None
        said = json.loads(event.detail)
    assert said["account"]
    assert (said["reason"], said["sha256"], said["before_sha256"]) == (
        "ít cờ nhầm hơn", policies.digest(STRICT), policies.digest(FIRST),
    )  # fmt: skip
    assert "Nguyên vẹn" in line.run("audit", "verify")


def test_a_running_worker_takes_the_switch_up_and_judges_the_undecided_again(line: Line) -> None:
    place = Place(line.records)
    place.take(*HARMFUL)
    process = Program(line.folder, settings={"KIEMTIN_POLICY_FILE": "mới.yaml"}).start(
        "work", "--queues", "score"
    )
    try:
        wait_for(lambda: judged_by(place.records) == {VERSION: 14})
        line.run("policy", "switch", "mới.yaml", "--reason", "thử", "--yes")
        wait_for(lambda: judged_by(place.records) == {"thử-2": 14})
        place.take(HARMLESS)
        wait_for(lambda: judged_by(place.records) == {"thử-2": 15})
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(180) == 0
    with place.records.read() as session:
        assert session.scalar(select(func.count()).select_from(Assessment)) == 29
    # The file of the settings was named, and nothing but the decision switched to it.
    assert '"policy.differs"' in (line.folder / "work.log").read_text()


def test_a_start_says_that_the_file_of_the_settings_is_not_in_force_and_keeps_what_is(line: Line) -> None:
    assert "Vẫn dùng" not in line.run("migrate")
    line.run("policy", "switch", "mới.yaml", "--reason", "thử", "--yes")
    # The shipped policy was in force and was switched from by decision: no word of it.
    assert "Vẫn dùng" not in line.run("migrate")
    (line.folder / "khác.yaml").write_text(STRICT.replace("thử-2", "thử-3"))
    line.patch.setenv("KIEMTIN_POLICY_FILE", "khác.yaml")
    shown = line.run("migrate")
    assert "kiemtin policy switch khác.yaml" in shown
    assert "Vẫn dùng" in shown
    line.patch.setenv("KIEMTIN_POLICY_FILE", "mới.yaml")
    (line.folder / "mới.yaml").write_text("# một lời ghi thêm\n" + STRICT)
    assert "Vẫn dùng" not in line.run("migrate")
    (line.folder / "mới.yaml").write_text(STRICT.replace("uncertain: 0.3", "uncertain: 0.2"))
    assert "Vẫn dùng" in line.run("migrate")
    line.patch.setenv("KIEMTIN_POLICY_FILE", "không-có.yaml")
    assert "Vẫn dùng" in line.run("migrate")
    assert line.run("policy", "show") == STRICT


def test_the_policy_of_the_settings_is_the_first_in_force(empty: Line) -> None:
    empty.patch.setenv("KIEMTIN_POLICY_FILE", "của tỉnh.yaml")
    assert "của tỉnh.yaml" in empty.run("migrate", expect=2)
    (empty.folder / "của tỉnh.yaml").write_text(STRICT)
    empty.run("migrate")
    assert empty.run("policy", "show") == STRICT


def test_without_records_a_policy_can_still_be_checked(empty: Line) -> None:
    assert "đúng, phiên bản thử-2" in empty.run("policy", "check", "mới.yaml")
    assert not (empty.folder / "var").exists()
    assert "kiemtin migrate" in empty.run("policy", "show", expect=2)
