"""Makes records as the product does: posts are accepted, scored by the shipped model, and open cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from classifier.load import load
from classifier.model import Model
from classifier.policy import Policy, load_policy
from kiemtin.settings import Settings
from kiemtin.work.crew import Crew
from kiemtin.work.index import Indexing
from kiemtin.work.score import Scoring
from kiemtin.work.station import Station
from review.permissions import Person
from search.engine import SearchEngine
from store.archived import Exchange
from store.ingest import Accepted, Incoming, accept, clean
from store.keys import Keys
from store.records import Records
from store.tables import Assessment, Capture, Case, Post, Source, User
from store.vocabulary import PostKind, Role

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)

# Invented posts that the shipped model flags, and one that it leaves alone.
HARMFUL = (
    "Uống nước tỏi nóng mỗi sáng là sạch vi rút, nhà tôi khỏi hẳn sau ba ngày, khỏi cần thuốc tây. Share gấp!",
    "Thuốc nam đặc trị F0, uống một liệu trình âm tính ngay, chuyển khoản vào stk 0000 1234 5678 giá 900k",
    "Nửa đêm nay phong tỏa cả phường, hơn 400 ca mà họ giấu, mua gạo ngay kẻo đói, tin nội bộ, share gấp",
    "Vắc xin COVID làm vô sinh, con gái đừng dại mà tiêm, họ giấu hết để bán thuốc cho dân mình",
    "Nhận 3 triệu trợ cấp F0, bấm vào đường dẫn nhập số thẻ và mã OTP để lấy tiền ngay hôm nay",
    "Súc miệng nước muối đặc ngày năm lần thì vi rút corona chết sạch, không cần tiêm chủng gì hết",
    "Vi rút corona là vũ khí sinh học làm ra để bán vắc xin gắn chip 5G, báo chí bị mua hết rồi",
    "Xông lá sả gừng chanh hai bữa là âm tính, cả xóm tôi khỏi hết, đừng vào viện làm gì",
    "Sở y tế thông báo hỏa tốc mỗi hộ nộp 500 nghìn tiền khử khuẩn vào tài khoản cán bộ 0000 9999 0000",
    "Uống cồn y tế pha loãng mỗi tối diệt sạch virus corona trong cổ họng, bác sĩ giấu không cho biết",
    "Bán giấy xét nghiệm âm tính giá 300k, giao trong ngày, zalo 0900 000 000, không cần lấy mẫu",
    "Đi từ vùng dịch về thì uống hạ sốt trước khi qua chốt, khai gian đường đi là khỏi bị cách ly",
    "Bệnh viện huyện có mười người chết vì corona mà giấu, tin từ người nhà làm trong đó, mọi người cẩn thận",
    "Ăn trứng gà luộc lúc nửa đêm là hết corona, em bé mới sinh biết nói dặn như vậy, cả làng làm theo rồi",
)
HARMLESS = "Sáng nay phường thông báo lịch tiêm cho người trên 65 tuổi tại trạm y tế, nhớ mang theo giấy tờ tùy thân."


@cache
def model() -> Model:
    return load()


@cache
def policy() -> Policy:
    return load_policy()


def exchange(
    url: str, body: bytes, headers: Sequence[tuple[str, str]] = (), at: datetime = NOW
) -> tuple[Exchange, ...]:
    """Return how a page came that was answered at once."""
    return (Exchange(at, url, 200, tuple(headers), body),)


class NoEngine:
    """Stands where a test does not search: takes documents and forgets them."""

    def put(self, documents: object) -> dict[int, str]:
        return {}

    def delete(self, post_ids: object) -> None: ...


def scoring(
    records: Records, otherwise: Policy | None = None, scorer: Model | None = None, batch: int = 128
) -> Scoring:
    """Return the station that scores, with the shipped model unless there is another."""
    return Scoring(records, scorer or model(), otherwise, batch, Settings().cache_path)


def stations(records: Records, engine: SearchEngine | None = None) -> list[Station]:
    """Return the stations that score with the shipped model and index, into nothing unless there is an engine."""
    return [scoring(records, policy()), Indexing(records, engine or NoEngine())]  # type: ignore[arg-type]


def work(records: Records, engine: SearchEngine | None = None) -> Crew:
    """Do all work owed, and return the crew that did it."""
    crew = Crew(records, stations(records, engine))
    crew.until_idle()
    return crew


class Place:
    """A source with a capture, and the door to it."""

    def __init__(self, records: Records, keys: Keys | None = None, name: str = "Nguồn thử") -> None:
        self.records = records
        self.keys = keys or Keys(bytes(range(32)))
        with records.write() as session:
            source = Source(name=name, kind="import", legal_basis="thử", added_at=NOW)
            session.add(source)
            session.flush()
            capture = Capture(
                source_id=source.id,
                url="file:///x",
                at=NOW,
                media_type="x",
                sha256="0" * 64,
                warc=name,
                offset=0,
                length=1,
            )
            session.add(capture)
            session.flush()
            self.source_id, self.capture_id = source.id, capture.id

    def take(self, *texts: str, keys: Sequence[str] = (), published_at: datetime = NOW) -> list[Accepted]:
        """Accept posts; `keys` name them, else their text does."""
        posts = [
            Incoming(
                key=keys[i] if keys else text[:80],
                kind=PostKind.SOCIAL,
                text=clean(text),
                capture_id=self.capture_id,
                published_at=published_at,
                handle="tên_người_viết",
            )
            for i, text in enumerate(texts)
        ]
        with self.records.write() as session:
            return accept(session, self.source_id, posts, self.keys)

    def work(self, engine: SearchEngine | None = None) -> None:
        """Do all work owed, with the shipped model."""
        work(self.records, engine)

    def cases(self) -> list[Case]:
        """Return all cases, first to review first."""
        with self.records.read() as session:
            return list(session.scalars(select(Case).order_by(Case.priority.desc(), Case.id)))


def person(records: Records, login: str, role: Role = Role.REVIEWER) -> Person:
    """Make a user who cannot sign in, and return them as a person."""
    with records.write() as session:
        user = User(login=login, name=login.title(), role=role, password_hash="x", created_at=NOW)
        session.add(user)
        session.flush()
        return Person(user.id, role)


def assess_anew(session: Session, assessment: Assessment, **changes: Any) -> Assessment:
    """Put an assessment beside another, changed, as the latest of its post; the records change none."""
    kept = {column.name: getattr(assessment, column.name) for column in Assessment.__table__.columns}
    number = session.scalar(select(func.count()).select_from(Assessment)) or 0
    made = Assessment(**{**kept, "id": None, "model": f"{assessment.model} {number}", **changes})
    session.add(made)
    session.flush()
    session.get_one(Post, assessment.post_id).assessment_id = made.id
    return made
