"""Every text of the desk has its English, and the words are the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import api.accounts
import api.case_routes
import api.views  # noqa: F401 - its errors are part of what is translated
from api import hotline, problems
from review.errors import ReviewError
from review_ui.i18n import translations
from tests.conftest import ROOT

METHODS = [("**.html", "jinja2"), ("**.py", "python")]
# `say` of the pages takes the request first, that of the renderers takes the text alone.
KEYWORDS = {"_": None, "_n": None, "say": None}


def kinds(kind: type[ReviewError]) -> Iterator[type[ReviewError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from kinds(sub)


def texts() -> set[str]:
    """Return every text that a person may be shown."""
    found: set[str] = (
        {kind.template for kind in kinds(ReviewError)} | problems.every_text() | set(hotline.TEXTS)
    )
    for keywords in (KEYWORDS, {"say": (2,)}):
        for _file, _line, message, _comments, _context in extract_from_dir(
            ROOT / "review_ui",
            METHODS,
            keywords=keywords,  # type: ignore[arg-type]
        ):
            found.add(message if isinstance(message, str) else message[0])
    return {text for text in found if text}


def test_every_text_is_in_the_english_catalogue_and_nothing_else_is() -> None:
    with (ROOT / "review_ui/locale/en/LC_MESSAGES/desk.po").open("rb") as file:
        catalogue = {str(m.id): str(m.string) for m in read_po(file) if m.id}
    shown = texts()
    assert shown - set(catalogue) == set()
    assert set(catalogue) - shown == set()
    assert all(catalogue.values())


def test_placeholders_survive_translation() -> None:
    say = translations("en").gettext
    for text in texts():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", say(text))), text


def test_the_words_of_the_product_are_used() -> None:
    say = translations("en").gettext
    for vietnamese, english in {
        "Hàng đợi": "Queue", "Ca": "Case", "Bài": "Post", "Bỏ qua": "Dismiss", "Báo nền tảng": "Report to platform",
        "Phát ngôn được bảo vệ": "Protected speech", "Chuyển cấp": "Escalate", "Nhật ký": "Audit log",
        "Người duyệt": "Reviewer", "Trưởng nhóm": "Lead", "Cán bộ đầu mối": "Liaison", "Chưa chắc": "Uncertain",
    }.items():  # fmt: skip
        assert say(vietnamese) == english
