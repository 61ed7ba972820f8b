"""Two languages: Vietnamese as written in the code, English from a catalogue."""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from fastapi import Request

from api import words

LANGUAGES = {"vi": "Tiếng Việt", "en": "English"}
COOKIE = words.COOKIE


def language_of(request: Request) -> str:
    """Return the language that a browser chose, Vietnamese when it chose none."""
    chosen = request.cookies.get(COOKIE, "vi")
    return chosen if chosen in LANGUAGES else "vi"


@cache
def translations(language: str) -> NullTranslations:
    """Return the translations into a language. The catalogue is read as text, so no build step is needed."""
    if language == "vi":
        return NullTranslations()
    source = files("review_ui") / "locale" / language / "LC_MESSAGES" / "desk.po"
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source.read_bytes()), locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)
