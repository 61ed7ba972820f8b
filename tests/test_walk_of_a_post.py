"""docs/walk.md is true: what it names exists, and a post of the sample site goes the way that it tells."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from store.archive import Archive
from store.base import Base
from store.bundle_tables import Bundle
from store.records import Records
from store.second_review_tables import SecondReview
from store.tables import Assessment, Capture, Case, Decision, Event, Post, Referral
from tests.conftest import ROOT
from tests.walking import found

WALK = (ROOT / "docs" / "walk.md").read_text("utf-8")
NAMED = re.findall(r"`([a-z_.]+:[A-Za-z_.]+)`", WALK)
# What stands first in a numbered line is passed, in this order.
STEPS = re.findall(r"^\d+\. `([a-z_.]+:[A-Za-z_.]+)`", WALK, re.MULTILINE)
READ = STEPS.index("crawlers.apart:Apart.read")
READER = "crawlers.reading.forums:read_forum"
KINDS = {"score", "index"}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that one walk left."""
    folder = tmp_path_factory.mktemp("walk")
    line = [sys.executable, "-m", "tests.walking", str(folder), *dict.fromkeys(STEPS)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def records(walked: Path) -> Iterator[Records]:
    found = Records(f"sqlite:///{walked / 'var' / 'kiemtin.db'}")
    yield found
    found.close()


def test_every_name_of_the_walk_exists() -> None:
    assert len(STEPS) >= 40
    for name in NAMED:
        assert found(name) is not None, name


def test_what_the_walk_says_is_written_are_tables() -> None:
    for word in set(re.findall(r"`([a-z_]+)`", WALK)) - KINDS:
        assert word in Base.metadata.tables, word


def test_the_steps_are_numbered_without_a_gap_and_the_text_names_them_by_number() -> None:
    numbers = [int(number) for number in re.findall(r"^(\d+)\. `", WALK, re.MULTILINE)]
    assert numbers == list(range(1, len(STEPS) + 1))
    assert STEPS[20] == "review.case:refresh"
    assert STEPS[25] == "review.decision:take_snapshot"
    assert STEPS[27] == "review.gate:require_referable"


def test_one_post_passes_the_steps_in_this_order(walked: Path, records: Records) -> None:
    with records.read() as session:
        page = session.scalars(select(Capture.url).join(Post, Post.capture_id == Capture.id).join(
            Case, Case.post_id == Post.id).join(Referral, Referral.case_id == Case.id)).one()  # fmt: skip
    calls = [(name, about) for name, about in json.loads((walked / "trace.json").read_text())]
    position = 0
    for number, step in enumerate(STEPS):
        wanted = ""
        if number == READ:
            wanted = f"{page} {READER}"
        elif step == "crawlers.intake:Intake.take":
            wanted = page
        place = next(
            (
                i
                for i, (name, about) in enumerate(calls[position:], position)
                if name == step and (not wanted or about == wanted)
            ),
            None,
        )
        assert place is not None, f"step {number + 1}, {step}, does not come after the one before"
        position = place + 1


def test_the_rows_lead_from_the_page_to_the_bundle(walked: Path, records: Records) -> None:
    with records.read() as session:
        referral = session.scalars(select(Referral)).one()
        case = session.get_one(Case, referral.case_id)
        post = session.get_one(Post, case.post_id)
        capture = session.get_one(Capture, post.capture_id)
        assessment = session.get_one(Assessment, post.assessment_id)
        decision = session.scalars(select(Decision).where(Decision.case_id == case.id)).one()
        review = session.get_one(SecondReview, referral.review_id)
        bundle = session.scalars(select(Bundle).where(Bundle.referral_id == referral.id)).one()
        assert referral.state == "exported"
        assert decision.snapshot["content_hash"] == post.content_hash == review.content_hash
        assert assessment.referable
        assert referral.rule in assessment.detail["referable"]
        assert len({referral.proposer_id, referral.approver_id, bundle.user_id}) == 3
        assert review.reviewer_id != referral.proposer_id
        kept = Archive(walked / "var" / "archive").read(capture.warc, capture.offset)
        assert post.text.split("\n")[0].encode() in kept.body
        told = session.scalars(
            select(Event.action).where(Event.action != "crawl.started").order_by(Event.id)
        ).all()
    order = ["case.opened", "case.leased", "case.decided", "referral.proposed", "case.second_reviewed",
             "referral.approved", "bundle.viewed", "redaction.confirmed", "bundle.started", "bundle.built",
             "referral.exported"]  # fmt: skip
    assert [action for action in told if action in order and action != "case.opened"] == order[1:]
    assert (walked / "b.zip").stat().st_size == (walked / "var" / "bundles" / bundle.name).stat().st_size
    assert capture.source_id == post.source_id
