"""Writes WARC files as other tools do, by warcio, and imports them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from crawlers.imports import pages
from store.archive import Archive
from store.keys import Keys
from store.records import Records
from store.tables import Post

AT = datetime(2021, 7, 20, 3, 0, tzinfo=UTC)
URL = "https://bao.example/cho-mo-lai.html"
HTML = ("Content-Type", "text/html; charset=utf-8")


def article(
    title: str = "Chợ mở lại", day: int = 20, text: str = "Chợ Bãi Sậy mở cửa sau mười ngày nghỉ."
) -> bytes:
    said = f"<p>{text} Tiểu thương dọn hàng từ bốn giờ sáng, ai cũng đeo khẩu trang.</p>" * 3
    return f"""<!doctype html><html><head><title>{title}</title><meta property="article:published_time"
content="2021-07-{day:02}T08:00:00+07:00"></head><body><article><h1>{title}</h1>{said}</article></body></html>""".encode()


class Made:
    """A WARC file in the making, by warcio."""

    def __init__(self, *, compress: bool = True) -> None:
        self.file = BytesIO()
        self.writer = WARCWriter(self.file, gzip=compress)

    def add(self, kind: str, url: str, body: bytes = b"", *headers: tuple[str, str], line: str = "200 OK",
            at: datetime = AT, **named: str) -> Made:  # fmt: skip
        is_http = kind in {"response", "request", "revisit"}
        http = StatusAndHeaders(line, list(headers), "HTTP/1.1", is_http_request=kind == "request")
        said = {"WARC-Date": at.isoformat().replace("+00:00", "Z")}
        said |= {f"WARC-{name.replace('_', '-')}": value for name, value in named.items()}
        media_type = None if is_http else dict(headers).get("Content-Type")
        self.writer.write_record(
            self.writer.create_warc_record(
                url, kind, payload=BytesIO(body), http_headers=http if is_http else None,
                warc_content_type=media_type or "", warc_headers_dict=said,
            )
        )  # fmt: skip
        return self

    def page(self, url: str = URL, body: bytes = b"", *headers: tuple[str, str], **named: Any) -> Made:
        return self.add("response", url, body or article(), *(headers or (HTML,)), **named)

    def to(self, path: Path) -> Path:
        path.write_bytes(self.file.getvalue())
        return path


def bring(records: Records, path: Path, source: str = "Kho cũ", progress: Callable[[int, int], None] = lambda a, b: None) -> Any:  # fmt: skip
    archive = Archive(path.parent / "archive")
    return pages.run(records, archive, Keys(bytes(32)), pages.Plan(path, source, "thử"), progress)


def count(records: Records, table: type) -> int:
    with records.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def posts(records: Records) -> dict[str, tuple[object, ...]]:
    with records.read() as session:
        return {
            post.key: (post.text, post.title, post.kind, post.published_at, post.modified_at, post.position,
                       post.parent, post.quotes, post.facts, post.url, post.author_sealed is None)
            for post in session.scalars(select(Post))
        }  # fmt: skip


def only(records: Records) -> Post:
    with records.read() as session:
        return session.scalars(select(Post)).one()
