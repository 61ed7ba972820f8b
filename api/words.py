"""The language of an answer: what the browser chose, else what the program asks for, else Vietnamese."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request

VIETNAMESE, ENGLISH = "vi", "en"
# The desk's own choice, made on its settings page.
COOKIE = "kiemtin_language"

# Gives a text in a language. The catalogue is that of the pages, which put it here (`app.state.translate`).
Translate = Callable[[str, str], str]


def untranslated(language: str, text: str) -> str:
    """Return the text as it is written: all there is where nobody brought a catalogue."""
    return text


def language_of(request: Request) -> str:
    """Return `vi` or `en`."""
    chosen = request.cookies.get(COOKIE)
    if chosen in {VIETNAMESE, ENGLISH}:
        return chosen
    return _preferred(request.headers.get("Accept-Language", ""))


def say(request: Request, text: str, **values: object) -> str:
    """Return a message of the desk in the language of a request."""
    translate: Translate = request.app.state.translate
    return translate(language_of(request), text).format(**values)


def _preferred(accepted: str) -> str:
    """Return the language that an Accept-Language header (RFC 9110, 12.5.4) likes best."""
    weights = {VIETNAMESE: 0.0, ENGLISH: 0.0}
    for part in accepted.split(","):
        tag, _, rest = part.strip().partition(";")
        language = tag.split("-")[0].lower()
        if language in weights:
            weights[language] = max(weights[language], _weight(rest))
    return ENGLISH if weights[ENGLISH] > weights[VIETNAMESE] else VIETNAMESE


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
