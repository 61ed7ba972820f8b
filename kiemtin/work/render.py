"""Shows the page of a flagged post in a browser, when a person asked for it, and keeps what was seen."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog
from sqlalchemy.orm import Session

from crawlers.gate import HostResting
from crawlers.hosts import note
from kiemtin.work.station import Resting, Taking
from store import audit, tasks
from store.archive import Archive
from store.archived import Stored
from store.records import Records
from store.tables import Capture, Post, Rendering
from store.tasks import Batch
from store.vocabulary import TaskKind

if TYPE_CHECKING:
    from crawlers.browser import Browser, Shown

log = structlog.get_logger("kiemtin.work")

# While there is no browser here, another worker that has one may take the task.
_PAUSE = timedelta(seconds=5)
# What is put off for longer counts as due (`store.tasks`).
_LONGEST = timedelta(minutes=10)
_PICTURE, _DOCUMENT = "image/png", "text/html; charset=utf-8"


class NotRendered(Exception):
    """A page was not shown; the message says why. With `pause`: its host is to be left alone so long."""

    def __init__(self, why: str, pause: timedelta | None = None) -> None:
        super().__init__(why)
        self.pause = pause


class Showing(Taking):
    """The queue `render`; see `kiemtin.work.station.Station`. One page at a time, in a browser of its own."""

    kind = TaskKind.RENDER

    def __init__(
        self, records: Records, archive: Callable[[], Archive], browser: Callable[[], Browser]
    ) -> None:
        super().__init__(records, 1)
        self.archive = archive
        self.browser = browser

    def do(self, batch: Batch) -> None:
        """Show the page of one post."""
        (post_id,) = batch.subject_ids
        began = time.perf_counter()
        try:
            render(
                self.records, self.archive, self.browser, post_id,
                lambda session: tasks.finish(session, batch),
            )  # fmt: skip
        except Resting:
            self._give_back(batch, _PAUSE)
            raise
        except NotRendered as error:
            log.warning("render.failed", post=post_id, error=str(error))
            self.hand.counters["render/failed"] += 1
            if error.pause is not None:
                self._give_back(batch, min(error.pause, _LONGEST))
                return
            with self.records.write() as session:
                tasks.fail(session, batch, post_id, str(error))
            return
        self.hand.counters["render/done"] += 1
        self.hand.counters["render/milliseconds"] += round((time.perf_counter() - began) * 1000)

    def _give_back(self, batch: Batch, pause: timedelta) -> None:
        with self.records.write() as session:
            tasks.give_back(session, batch, pause)


def render(
    records: Records,
    archive: Callable[[], Archive],
    browser: Callable[[], Browser],
    post_id: int,
    also: Callable[[Session], None] = lambda session: None,
) -> Rendering:
    """Show the page of a flagged post and keep it; `also` is done in the transaction that records it.

    Raises `NotRendered`, and `Resting` where there is no browser.
    """
    source_id, url = _page_of(records, post_id)
    shown = _show(browser(), url)
    with archive() as opened:
        kept = _keep(opened, shown)
        with records.write() as session:
            audit.note_torn(session, opened.torn)
            rendering = _record(session, source_id, post_id, shown, kept)
            also(session)
    return rendering


def _page_of(records: Records, post_id: int) -> tuple[int, str]:
    with records.read() as session:
        post = session.get(Post, post_id)
        if post is None:
            raise NotRendered(f"Không có bài {post_id}.")
        if post.assessment is None or not post.assessment.flagged:
            raise NotRendered(f"Bài {post_id} không bị gắn cờ: chỉ chụp trang của bài bị gắn cờ.")
        if not post.url:
            raise NotRendered(f"Bài {post_id} không có trang trên mạng.")
        return post.source_id, post.url


def _show(browser: Browser, url: str) -> Shown:
    from crawlers.arrival import CannotShow
    from crawlers.browser import BrowserAbsent

    try:
        return browser.show(url)
    except BrowserAbsent as error:
        raise Resting(str(error)) from error
    except CannotShow as error:
        raise NotRendered(str(error)) from error
    except HostResting as error:
        raise NotRendered(
            f"{urlsplit(url).netloc} đang được để yên thêm {error.seconds:.0f} giây.",
            timedelta(seconds=error.seconds),
        ) from error


@dataclass(frozen=True)
class _Kept:
    """Where a page lies in the archive; what it was made of in the order in which it came."""

    page: Stored
    resources: tuple[Stored, ...]
    picture: Stored
    document: Stored


def _keep(archive: Archive, shown: Shown) -> _Kept:
    url = shown.arrival.page.exchange.url
    document = BytesIO(shown.document.encode("utf-8", "replace"))
    return _Kept(
        archive.exchange([answer.exchange for answer in shown.arrival.chain]),
        tuple(archive.exchange([one]) for one in shown.resources),
        archive.resource(f"urn:fullPage:{url}", shown.at, _PICTURE, BytesIO(shown.picture)),
        archive.resource(f"urn:dom:{url}", shown.at, _DOCUMENT, document),
    )


def _record(session: Session, source_id: int, post_id: int, shown: Shown, kept: _Kept) -> Rendering:
    from crawlers.fetch import came

    page = shown.arrival.page
    url = page.exchange.url
    chain = [answer.exchange for answer in shown.arrival.chain]
    view = {"browser": shown.browser, "viewport": shown.viewport}
    # Without `payload`: a crawl must not take it for its own capture of this page.
    main = Capture(
        url=url, at=page.exchange.at, status=page.exchange.status, media_type=page.header("content-type"),
        sha256=hashlib.sha256(page.body).hexdigest(),
        detail={
            **came(chain, shown.arrival.rules.allowance, page.body), **view,
            "refused": dict(shown.refused), "resources": _places(shown, kept),
        },
        **_at(source_id, kept.page),
    )  # fmt: skip
    session.add(main)
    session.flush()
    of = {"of": url, "page": main.id, **view}
    picture = Capture(
        url=f"urn:fullPage:{url}", at=shown.at, media_type=_PICTURE, sha256=kept.picture.sha256, detail=of,
        **_at(source_id, kept.picture),
    )  # fmt: skip
    document = Capture(
        url=f"urn:dom:{url}", at=shown.at, media_type=_DOCUMENT, sha256=kept.document.sha256, detail=of,
        **_at(source_id, kept.document),
    )  # fmt: skip
    session.add_all((picture, document))
    session.flush()
    rendering = Rendering(post_id=post_id, at=shown.at, picture_id=picture.id, document_id=document.id)
    session.add(rendering)
    session.flush()
    note(session, urlsplit(url).netloc, asked_at=page.exchange.at)
    audit.append(
        session, audit.SYSTEM, "post.rendered", f"post:{post_id}",
        rendering=rendering.id, url=url, picture=picture.sha256, document=document.sha256,
    )  # fmt: skip
    return rendering


def _at(source_id: int, stored: Stored) -> dict[str, Any]:
    return {
        "source_id": source_id, "warc": stored.warc, "offset": stored.offset, "length": stored.length,
    }  # fmt: skip


def _places(shown: Shown, kept: _Kept) -> list[dict[str, Any]]:
    return [
        {"url": one.url, "warc": stored.warc, "offset": stored.offset, "length": stored.length}
        for one, stored in zip(shown.resources, kept.resources, strict=True)
    ]
