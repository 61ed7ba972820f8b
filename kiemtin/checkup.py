"""Examines an installation, changes nothing, and says of each part how it is and how to mend it."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

import models
from kiemtin.house import House
from kiemtin.settings import Settings, SettingsError, load
from kiemtin.work.clock import against_records
from search.engine import SearchError
from store import audit, policies, tasks, workers
from store.archive import Archive
from store.archived import ArchiveError
from store.disk import sound_length
from store.keys import KeyFileError, Keys
from store.migrate import require_current
from store.records import RecordsError
from store.room import place_of, short_of
from store.tables import Capture, Event
from store.vocabulary import TaskKind
from store.work_tables import Worker

BACKUP_AGE = timedelta(days=2)
_SAMPLE = 100


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True)
class Finding:
    """How one part is: `said`, and where it is not well, what to do (`fix`). Both Vietnamese."""

    part: str
    state: State
    said: str
    fix: str = ""


Check = Callable[[House], Iterator[Finding]]


def examine(search: bool = True) -> list[Finding]:
    """Look at every part; one that cannot be looked at hinders no other. `search` compares the index too."""
    try:
        house = House(load())
    except SettingsError as error:
        return [_fault("settings", str(error), "Sửa các biến vừa nêu; xem `kiemtin settings`.")]
    found = [_ok("settings", "đọc được")]
    checks: list[Check] = [_folder, _room, _key, _records]
    if (records := _state_of(found_records := list(_records(house)))) == State.OK:
        checks += [_clock, _workers, _archive, _policy, _backups]
        checks += [_index] if search else []
    checks += [_model, _front, _sending]
    for check in checks:
        found += found_records if check is _records else _looked(check, house)
    if records != State.OK:
        found.append(_warning("rest", "chưa xem được đồng hồ, tiến trình, kho, chính sách, chỉ mục.", "Sửa"
                              " cơ sở dữ liệu trước."))  # fmt: skip
    return found


def _looked(check: Check, house: House) -> list[Finding]:
    try:
        return list(check(house))
    except (OSError, SQLAlchemyError, RecordsError, SearchError, ArchiveError) as error:
        said = f"không xem được: {getattr(error, 'orig', error)}"
        return [_fault(check.__name__.strip("_"), said, "Xem lỗi vừa nêu rồi chạy lại `kiemtin doctor`.")]


def _folder(house: House) -> Iterator[Finding]:
    folder = house.settings.data_dir
    if not folder.is_dir():
        yield _fault(
            "data", f"chưa có {folder.absolute()}.", "Chạy `kiemtin migrate`, hoặc sửa KIEMTIN_DATA_DIR."
        )
    elif folder.stat().st_mode & stat.S_IRWXO:
        yield _warning("data", f"người dùng khác của máy vào được {folder}.", f"chmod o-rwx {folder}")
    else:
        yield _ok("data", str(folder.absolute()))


def _room(house: House) -> Iterator[Finding]:
    short = house.short_of_room()
    for said in short:
        yield _fault("disk", said, "Dọn hoặc thêm đĩa, hoặc dời thư mục; xem KIEMTIN_FREE_MB.")
    if not short:
        left = shutil.disk_usage(place_of(house.settings.data_dir)).free >> 20
        soon = short_of([house.settings.data_dir], 4 * house.settings.free_mb)
        make = _warning if soon else _ok
        yield make(
            "disk", f"còn {left} MB.", *(["Đĩa sắp đầy: xem docs/operator/capacity.md."] if soon else [])
        )


def _key(house: House) -> Iterator[Finding]:
    path = house.settings.key_path
    if not path.exists():
        yield _fault("key", f"chưa có {path}.", "Cài mới: chạy `kiemtin migrate`. Cài lại:"
            " chép khóa đã cất về đây,"
                     " đừng để khóa mới được tạo.")  # fmt: skip
        return
    try:
        Keys.load(path)
    except KeyFileError as error:
        yield _fault("key", str(error), f"chmod 600 {path}, hoặc chép khóa từ nơi cất riêng.")
    else:
        yield _ok("key", f"{path}, chế độ {stat.S_IMODE(path.stat().st_mode):04o}")


def _records(house: House) -> Iterator[Finding]:
    settings = house.settings
    file = settings.data_dir / "kiemtin.db"
    if not settings.database_url and not file.exists():
        yield _fault("database", f"chưa có {file}.", "Chạy `kiemtin migrate` (mới), hay `kiemtin restore`.")
        return
    try:
        records = house.records
        require_current(records)
        if records.is_sqlite:
            with records.read() as session:
                said = session.connection().exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if said != "ok":
                yield _fault("database", f"tệp hỏng: {said}", "Dừng dịch vụ, `kiemtin restore` bản sao lưu.")
                return
    except (RecordsError, SQLAlchemyError) as error:
        yield _fault("database", str(getattr(error, "orig", error)), "Xem máy chủ cơ sở dữ liệu,"
                     " KIEMTIN_DATABASE_URL; lược đồ cũ thì chạy `kiemtin migrate`.")  # fmt: skip
        return
    yield _ok("database", "trả lời, đúng phiên bản")


def _clock(house: House) -> Iterator[Finding]:
    with house.records.read() as session:
        said = against_records(session)
    if said:
        yield _fault("clock", said, "Bật đồng bộ giờ: timedatectl set-ntp true (docs/reliability.md#clock).")
    else:
        yield _ok("clock", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")


def _workers(house: House) -> Iterator[Finding]:
    now = datetime.now(UTC)
    with house.records.read() as session:
        crews = [one for one in session.scalars(select(Worker)) if abs(now - one.beat_at) < workers.DEAD]
        queues = tasks.queues(session)
        sourced = tasks.crawls_due(session)
    covered = {queue for one in crews for queue in one.queues}
    wanted = {TaskKind.SCORE, TaskKind.INDEX} | ({TaskKind.CRAWL} if sourced else set())
    if missing := sorted(wanted - covered):
        yield _fault("workers", f"không tiến trình nào làm hàng {', '.join(missing)}.", "Chạy"
            " `kiemtin run`, hoặc"
                     f" `kiemtin work --queues {','.join(missing)}`.")  # fmt: skip
    else:
        yield _ok("workers", f"{len(crews)} tiến trình")
    for one in crews:
        for about, why in one.trouble.items():
            yield _fault("workers", f"{one.id}: {about}: {why}", "Xem docs/reliability.md.")
    if parked := sum(queue.parked for queue in queues.values()):
        yield _warning(
            "workers", f"{parked} việc bị dừng sau năm lần thử.", "Xem lỗi ở trang Tiến trình (/work)."
        )


def _archive(house: House) -> Iterator[Finding]:
    archive = house.archive()
    with house.records.read() as session:
        last = session.scalar(
            select(Capture).where(Capture.warc.like("%.warc.gz")).order_by(Capture.id.desc()).limit(1)
        )
    if last is None:
        yield _ok("archive", "chưa có bản chụp nào")
        return
    try:
        archive.read(last.warc, last.offset)
    except ArchiveError as error:
        yield _fault("archive", f"bản chụp mới nhất không đọc được: {error}", "Xem đĩa và"
            " KIEMTIN_ARCHIVE_DIR;"
                     " lấy tệp WARC từ bản sao lưu.")  # fmt: skip
        return
    yield from _torn(archive)
    yield _ok("archive", f"đọc được bản chụp mới nhất ({last.warc})")


def _torn(archive: Archive) -> Iterator[Finding]:
    for path in sorted(archive.folder.glob("*.warc.gz.open")):
        with path.open("rb") as file:
            size = path.stat().st_size
            if (sound := sound_length(file, size)) < size:
                yield _warning("archive", f"{path.name}: {size - sound} byte cuối dở dang.",
                               "Không cần làm gì khi"
                               " đang thu thập; nếu không, lượt thu thập sau tự cắt và ghi lại.")  # fmt: skip


def _policy(house: House) -> Iterator[Finding]:
    from classifier.in_force import InForce
    from kiemtin import given_policy

    with house.records.read() as session:
        switch = policies.active(session)
    try:
        policy = InForce().of(switch)
    except models.DataError as error:
        yield _fault("policy", str(error), "Viết lại chính sách rồi `kiemtin policy switch TỆP --reason …`.")
        return
    said = given_policy.differs(house.records, house.settings.policy_file)
    if said:
        yield _warning("policy", said, "Sửa tệp, hoặc chuyển bằng một quyết định.")
    else:
        yield _ok("policy", f"phiên bản {policy.version}")


def _backups(house: House) -> Iterator[Finding]:
    with house.records.read() as session:
        at = session.scalar(
            select(Event.at).where(Event.action == "backup.made").order_by(Event.id.desc()).limit(1)
        )
        verdict = audit.verify(session)
    if not verdict.ok:
        yield _fault("audit", f"chuỗi kiểm toán hỏng: {verdict.reason}", "Giữ nguyên mọi thứ,"
            " so với bản sao lưu:"
                     " `kiemtin audit verify`.")  # fmt: skip
    how = "Đặt `kiemtin backup THƯ_MỤC` mỗi ngày (docs/operator/backup.md)."
    if at is None:
        yield _warning("backup", "nhật ký không thấy lần sao lưu nào.", how)
    elif (age := datetime.now(UTC) - datetime.fromisoformat(at)) > BACKUP_AGE:
        yield _warning("backup", f"lần cuối đã {age.days} ngày.", how)
    else:
        yield _ok("backup", f"lần cuối {at[:16]} UTC")


def _index(house: House) -> Iterator[Finding]:
    from kiemtin import doctor

    try:
        found = doctor.examine(house.records, house.engine, _SAMPLE)
    except SearchError as error:
        yield _fault("search", str(error), "Xem Elasticsearch hoặc thư mục chỉ mục; chỉ mục"
            " tantivy hỏng thì dời"
                     " thư mục đi rồi `kiemtin reindex`.")  # fmt: skip
        return
    if found.clean:
        yield _ok("search", f"{found.index} bài, khớp cơ sở dữ liệu")
    else:
        wrong = len(found.missing) + len(found.extra) + len(found.stale) + len(found.different)
        yield _warning("search", f"{wrong} bài lệch.", "Chạy `kiemtin search doctor`.")


def _model(house: House) -> Iterator[Finding]:
    # Whether its labels are those of this version is a part of loading.
    try:
        yield _ok("model", house.model.name)
    except models.DataError as error:
        yield _fault(
            "model", str(error), "Bỏ KIEMTIN_MODEL để dùng mô hình đi kèm, hoặc chép lại thư mục mô hình."
        )


def _front(house: House) -> Iterator[Finding]:
    settings = house.settings
    public = settings.host not in {"127.0.0.1", "localhost", "::1"} or bool(settings.trusted_proxies)
    https = settings.public_url.startswith("https://")
    if not settings.secure_cookies and (public or https):
        yield _fault("front", "máy khác tới được mà cookie đi được qua HTTP.", "Đặt proxy TLS ở trước và"
                     " KIEMTIN_SECURE_COOKIES=true (docs/operator.md).")  # fmt: skip
    elif settings.secure_cookies and not settings.trusted_proxies:
        yield _warning("front", "có TLS ở trước nhưng KIEMTIN_TRUSTED_PROXIES trống: mọi người"
            " mang một địa chỉ.",
                       "Đặt KIEMTIN_TRUSTED_PROXIES là địa chỉ của proxy.")  # fmt: skip
    elif settings.secure_cookies and not settings.frame_url:
        yield _warning("front", "có TLS ở trước nhưng KIEMTIN_FRAME_URL trống: không xem được trang đã lưu.",
                       "Cho KIEMTIN_FRAME_PORT một tên miền riêng ở proxy (docs/operator.md).")  # fmt: skip
    elif settings.public_url and not https:
        yield _warning("front", f"KIEMTIN_PUBLIC_URL={settings.public_url} không phải https.", "Dùng https.")
    else:
        yield _ok("front", "cookie chỉ qua HTTPS" if settings.secure_cookies else "chỉ máy này tới được")


def _sending(house: House) -> Iterator[Finding]:
    settings = house.settings
    if bool(settings.smtp_host) != bool(settings.mail_from):
        yield _fault(
            "mail", "chỉ có một trong KIEMTIN_SMTP_HOST và KIEMTIN_MAIL_FROM.", "Đặt cả hai, hoặc không."
        )
    elif settings.smtp_host and settings.smtp_security == "none" and not _is_here(settings):
        yield _fault(
            "mail", "thư đi không mã hóa tới máy khác.", "Đặt KIEMTIN_SMTP_SECURITY=starttls hoặc tls."
        )
    elif settings.smtp_user and not settings.smtp_password.get_secret_value():
        yield _fault("mail", "có KIEMTIN_SMTP_USER mà không có mật khẩu.", "Đặt KIEMTIN_SMTP_PASSWORD.")
    else:
        yield _ok("mail", settings.smtp_host or "không gửi thư")


def _is_here(settings: Settings) -> bool:
    return settings.smtp_host in {"127.0.0.1", "localhost", "::1"}


def _state_of(found: list[Finding]) -> State:
    return found[-1].state


def _ok(part: str, said: str) -> Finding:
    return Finding(part, State.OK, said)


def _warning(part: str, said: str, fix: str = "") -> Finding:
    return Finding(part, State.WARNING, said, fix)


def _fault(part: str, said: str, fix: str = "") -> Finding:
    return Finding(part, State.FAULT, said, fix)
