"""Makes one evidence bundle of the sample site: crawled, judged, decided, proposed, approved, masked, built.

It goes the whole way of a post as docs/walk.md tells it, by the functions that an installation goes by.

Two demo accounts decide, a third exports; the certificates, and the authority that dates, are made on the
spot and worth nothing elsewhere. Run by `make demo-bundle OUT=b.zip`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from api import accounts, bundles, redaction
from crawlers import sample_site
from crawlers import sources as source_list
from crawlers.crawl import crawl
from evidence.errors import BundleError
from evidence.sign import read_certificates
from evidence.verify import Anchors, verify
from evidence.verify.verdict import State
from kiemtin.demo_authority import Authority, authority
from kiemtin.house import House
from kiemtin.screen import say, say_error
from kiemtin.settings import Settings
from kiemtin.work.station import Resting
from review import decision, proposal, queue, referral, second_review
from review.permissions import Person
from store import tasks
from store.tables import Assessment, Case, Post
from store.vocabulary import MilderMeans, Outcome, Role, TaskKind

_HERE = "127.0.0.1"
_WHY = "Số tài khoản vẫn nhận tiền; đính chính và báo nền tảng không chặn được người đang chuyển."


def main(target: Path) -> None:
    """Write the bundle to `target` and, beside it, the root certificate that verifies it."""
    with tempfile.TemporaryDirectory() as aside:
        root = make(Path(aside), target)
    say(f"Gói: {target}\nKiểm tra: kiemtin bundle verify {target} --ca {root} --tsa-ca {root}")


def make(folder: Path, target: Path, *, sources: Sequence[str] = (), pictured: bool = True) -> Path:
    """Write the bundle to `target`, from an installation of its own in `folder`; return the root certificate.

    `sources` are the names of those of the sample site to crawl, all when empty. A process can do this once,
    as it can crawl. Raises `BundleError` where the sample holds nothing that may be referred, or the bundle
    does not verify.
    """
    own = authority(folder / "ca", "Kiểm Tin demo")
    with own.serving() as tsa:
        house = House(_settings(folder, own, tsa))
        house.prepare()
        number = _read_sample(house, sources, pictured=pictured)
        lan = _account(house, "lan", "Lan", Role.LIAISON)
        _mask(house, lan, number)
        line = bundles.export(house.records, lan, number, house.shelf(), _now)
        house.records.close()
    assert line.bundle is not None  # noqa: S101 it was built just now
    shutil.copyfile(house.settings.bundle_path / line.bundle.name, target)
    root = target.with_suffix(".root.pem")
    shutil.copyfile(own.of("root.pem"), root)
    trusted = read_certificates(root)
    if (verdict := verify(target, Anchors(trusted, trusted))).state != State.SOUND:
        raise BundleError("; ".join(one.message for one in verdict.findings if one.state != State.SOUND))
    return root


def _settings(folder: Path, own: Authority, tsa: str) -> Settings:
    return Settings(
        data_dir=folder / "var",
        database_url="",
        bundle_dir=None,
        bundle_cert=own.of("department.pem"),
        bundle_key=str(own.of("department.key")),
        bundle_tsa=tsa,
        bundle_tsa_ca=own.of("root.pem"),
        liaison_cert=own.of("liaison.pem"),
        crawl_private=_HERE,
    )


def _read_sample(house: House, only: Sequence[str], *, pictured: bool) -> int:
    """Crawl and judge the sample site, decide and refer one case of it; return the number of the referral."""
    site = sample_site.serve(_HERE, 0)
    try:
        known = [one for one in sample_site.sources(site.url) if not only or one["name"] in only]
        entries = source_list.parse(known)
        crawl(house.records, house.archive(), house.keys, entries, opened=(_HERE,))
        house.crew((TaskKind.SCORE, TaskKind.INDEX)).until_idle()
        hoa = _account(house, "hoa", "Nguyễn Hoa", Role.REVIEWER)
        case_id, post_id = _gravest(house, hoa)
        if pictured:
            _picture(house, post_id)
        _decide(house, hoa, case_id)
        return _refer(house, hoa, case_id)
    finally:
        site.stop()


def _gravest(house: House, who: Person) -> tuple[int, int]:
    """Return the gravest case that may be referred, and its post."""
    with house.records.read() as session:
        found = session.execute(
            select(Case.id, Case.post_id)
            .join(Post, Post.id == Case.post_id)
            .join(Assessment, Assessment.id == Post.assessment_id)
            .where(Assessment.referable)
            .order_by(Case.priority.desc(), Case.id)
        ).all()
        for case_id, post_id in found:
            if proposal.possible(session, who, case_id).rules:
                return case_id, post_id
    raise BundleError("Trang mẫu không có ca nào được phép chuyển theo mô hình và chính sách này.")


def _picture(house: House, post_id: int) -> None:
    """Take the picture of the page where there is a browser; a bundle without one says so."""
    with house.records.write() as session:
        tasks.owe_render(session, post_id, _now())
    try:
        house.browser()
        house.crew((TaskKind.RENDER,)).until_idle()
    except Resting as error:
        say(f"Không chụp trang: {error}")


def _decide(house: House, hoa: Person, case_id: int) -> None:
    """Let one person take the case and decide it, as the desk does."""
    with house.records.write() as session:
        held = queue.lease(session, hoa, case_id, _now())
        seen = session.get_one(Case, case_id).content_hash
        said = decision.Verdict(Outcome.REPORT, "Lời kêu gọi chuyển tiền vào một tài khoản cá nhân.")
        decision.decide(session, hoa, case_id, held.version, held.token, seen, said, _now())


def _refer(house: House, hoa: Person, case_id: int) -> int:
    """Let one person propose, another look blind and approve; return the number of the referral."""
    tam = _account(house, "tam", "Lê Tâm", Role.LEAD)
    with house.records.write() as session:
        rule = proposal.possible(session, hoa, case_id).rules[0]
        case = session.get_one(Case, case_id)
        said = proposal.Proposal(rule.rule, rule.bases[0], _WHY, [MilderMeans.PLATFORM_REPORT])
        made = proposal.propose(session, hoa, case_id, case.version, case.content_hash, said, _now())
    with house.records.write() as session:
        review = second_review.waiting(session, tam)[0]
        second_review.answer(
            session, tam, review.id, Outcome.REPORT, "ad", sorted(rule.harms),
            "Có lời giục và nơi nhận tiền.", review.content_hash, _now(),
        )  # fmt: skip
    with house.records.write() as session:
        referral.approve(session, tam, made.id, made.evidence_sha256, made.policy, _now())
    return made.id


def _mask(house: House, who: Person, number: int) -> None:
    """Mask all that is proposed but accounts and phones in the post itself: they are how the money goes."""
    with house.records.write() as session:
        seen = redaction.to_mask(session, house.archive(), who, number)
        marks = [
            {
                "text": one.text,
                "kind": one.kind,
                "keep": one.inside and one.kind in {"account", "phone"},
                "why": "phương tiện nhận tiền của người đăng" if one.inside else "",
            }
            for one in seen.proposals
        ]
        wish = redaction.Wish(
            seen.referral.evidence_sha256, marks, [], True, "Bản mẫu, để thấy phần niêm phong"
        )
        redaction.confirm(session, who, number, wish, _now())


def _account(house: House, login: str, name: str, role: Role) -> Person:
    from store.tables import User

    with house.records.write() as session:
        accounts.invite(session, login, name, role, "system")
    with house.records.read() as session:
        user = session.scalars(select(User).where(User.login == login)).one()
        return Person(user.id, role)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        say_error("Cách dùng: make demo-bundle OUT=b.zip")
        sys.exit(2)
    main(Path(sys.argv[1]))
