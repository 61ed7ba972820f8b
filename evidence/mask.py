"""Masks confirmed texts: in texts, JSON, HTML and the picture of the page.

A masked letter is a bullet, so a masked text is as long as before and places in it stay true.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import lxml.html
from PIL import Image, ImageDraw

from evidence.errors import BundleError

DOT = "•"
# Between the digits of one number, or the words of one name, as pages write them.
_IN_NUMBERS = r"(?:[ .\-()/\u00a0]|&nbsp;|&#160;|%20){0,3}"
_IN_NAMES = r"(?:\s|\u00a0|&nbsp;|&#160;|%20|_|\+)+"
_NUMBER = re.compile(r"[\d\s.+()\-]+")
Image.MAX_IMAGE_PIXELS = 200_000_000


class NotMasked(BundleError):
    """A text that was to be masked is still to be read; the document must not leave in the open."""


class Mask:
    """The texts that a person decided to mask. Looks for each as it is, and as pages spell it.

    A number is found with any separators and also as `84…` for `0…`; a name with any space, in any case.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = tuple(
            sorted({text.strip() for text in texts if text.strip()}, key=lambda t: (-len(t), t))
        )

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        spelled = "|".join(_spelled(text) for text in self.texts)
        return re.compile(spelled, re.IGNORECASE) if spelled else None

    def __bool__(self) -> bool:
        return bool(self.texts)

    def count(self, text: str) -> int:
        """Return how many places of `text` are masked."""
        return sum(1 for _ in self._pattern.finditer(text)) if self._pattern else 0

    def text(self, text: str) -> str:
        """Return `text` masked, as long as before."""
        return self._pattern.sub(lambda found: _dots(found[0]), text) if self._pattern else text

    def json(self, value: Any) -> Any:
        """Return a JSON value with every string in it masked; keys stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.json(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(one) for one in value]
        return value

    def html(self, document: str) -> str:
        """Return a page masked; raises `NotMasked` where a text stays to be read, cut up by tags, say."""
        masked = self.text(document)
        if self and masked.strip() and self.count(visible(masked)):
            raise NotMasked("Trang còn đọc được chữ cần che, vì mã HTML cắt nó ra nhiều mảnh.")
        return masked


def visible(document: str) -> str:
    """Return the text of a page without its tags, all of it, comments and scripts left out."""
    if not document.strip():
        return ""
    try:
        root: Any = lxml.html.document_fromstring(document.encode("utf-8", "replace"), parser=_parser())
    except (lxml.etree.ParserError, ValueError):
        return document
    for element in root.xpath("//script | //style | //comment()"):
        element.drop_tree()
    return "".join(root.itertext())


def picture(png: bytes, boxes: Sequence[Sequence[float]]) -> bytes:
    """Return a PNG with `boxes` (x, y, width, height in pixels) filled; without boxes, as it was."""
    if not boxes:
        return png
    try:
        with Image.open(io.BytesIO(png)) as image:
            painted = image.convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        raise BundleError(f"Không mở được ảnh chụp trang để che: {error}") from error
    draw = ImageDraw.Draw(painted)
    for x, y, width, height in boxes:
        draw.rectangle((x, y, x + width, y + height), fill=(17, 17, 17))
    out = io.BytesIO()
    painted.save(out, "PNG", compress_level=6)
    return out.getvalue()


def _parser() -> lxml.html.HTMLParser:
    return lxml.html.HTMLParser(encoding="utf-8", huge_tree=False)


def _spelled(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    if _NUMBER.fullmatch(text) and len(digits) >= 5:
        local = re.sub(r"^84(?=\d{9,10}$)", "0", digits)
        if local.startswith("0") and len(local) in {10, 11}:
            return rf"(?<!\d)(?:\+?84|0){_IN_NUMBERS}{_IN_NUMBERS.join(local[1:])}(?!\d)"
        return rf"(?<!\d){_IN_NUMBERS.join(digits)}(?!\d)"
    spelled = _IN_NAMES.join(re.escape(word) for word in text.split())
    # "Hà" is not in "Hàng".
    before, after = (r"(?<!\w)" if text[0].isalnum() else ""), (r"(?!\w)" if text[-1].isalnum() else "")
    return f"{before}{spelled}{after}"


def _dots(text: str) -> str:
    return "".join(letter if letter.isspace() else DOT for letter in text)
