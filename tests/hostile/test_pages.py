"""Hostile texts on every page and in every answer: as many elements as with plain texts, and nothing runs or leads away."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator

from httpx import Response

from api.explanations import ExplanationAnswer, NearAnswer, Piece, Score
from review_ui.app import create_app
from review_ui.page import environment
from store.vocabulary import Role
from tests.api.test_permissions import routes
from tests.conftest import ROOT
from tests.hostile import harmless
from tests.hostile.conftest import CLAIM_URL, URL, Held
from tests.hostile.corpus import EVERY, MARKUP

OUTSIDE = frozenset({CLAIM_URL, *(URL.format(number) for number in range(len(EVERY)))})
ASKED = ("/search?q=covid&order=newest", "/queue?lane=all&offset=50", "/claims?q=tin", "/trends?weeks=52")
VALUES = {
    "case_id": "2", "claim_id": "claim-0", "login": "lead", "period": "2026-W46", "part": "claims", "form": "html",
    "quarter": "2026-Q3",
}  # fmt: skip
# These wait for what happens, ask another host or the model (below), or make a picture; none of them is a page of texts.
LEFT = re.compile(r"/live$|/oidc|/explanation$|\.png$|/openapi.json$")
KINDS = (
    "text/html",
    "application/json",
    "text/csv",
    "application/rss+xml",
    "application/ld+json",
    "text/plain",
)
# The picture of a code for an authenticator; every other text that is taken for markup is a chart drawn here.
TRUSTED = ("second_factor.html", "drawn")
# What a search found in a text is marked, wherever it stands; `**so**` is bold in a report.
EMPHASIS = (("mark", ("class",)), ("strong", ()))
Both = tuple[Held, Held]


def addresses(held: Held) -> Iterator[tuple[str, str]]:
    """Yield route and address of every page: each route once, and those of a case, claim or correction for each."""
    for route in routes(create_app(held.desk)):
        method, template = route.split(" ")
        if method == "GET" and not LEFT.search(template):
            yield template, re.sub(r"{(\w+)[^}]*}", lambda name: VALUES.get(name[1], "1"), template)
    yield from ((asked, asked) for asked in ASKED)
    for number, case in enumerate(held.cases):
        # Of the first ones more is told than of the others.
        yield f"case {number}" if number < 4 else "case", f"/cases/{case}"
        if number < len(MARKUP) and number % 2 == 0:
            yield "claim", f"/claims/claim-{number}"
            yield "correction", f"/public/corrections/claim-{number}"


def wrong_in(answer: Response, shape: harmless.Shape, outside: frozenset[str]) -> list[str]:
    """Return what is wrong with an answer; `shape` is what the page has in it where texts are plain."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    if answer.status_code == 500 or answer.headers["X-Content-Type-Options"] != "nosniff":
        return [f"answered {answer.status_code}: {dict(answer.headers)}"]
    if kind == "text/html":
        page = harmless.Read.of(answer.text)
        return [f"new: {one}" for one in page.shape - shape if one not in EMPHASIS] + page.wrong(outside)
    if kind in {"application/rss+xml", "image/svg+xml"}:
        return harmless.in_xml(answer.content)
    if kind == "text/csv":
        return harmless.in_csv(answer.text)
    if kind.endswith("json"):
        json.loads(answer.content)
    return []


def test_no_answer_has_more_in_it_than_with_plain_texts(both: Both) -> None:
    hostile, plain = (one.browser(Role.ADMIN) for one in both)
    other, beside_other = (one.browser(Role.LEAD) for one in both)
    shapes: dict[str, harmless.Shape] = {}
    seen, wrong = Counter[str](), []
    for (route, path), (_, beside) in zip(addresses(both[0]), addresses(both[1]), strict=True):
        # Who proposed a referral is not shown what waits for another's blind review.
        answer = (other if "second-review" in path else hostile).get(path)
        seen[answer.headers.get("Content-Type", "").partition(";")[0]] += answer.status_code == 200
        if route not in shapes and "html" in answer.headers.get("Content-Type", ""):
            asked = beside_other if "second-review" in path else plain
            shapes[route] = harmless.Read.of(asked.get(beside).text).shape
        outside = OUTSIDE | {f"http://desk.example{path}"}
        wrong += [f"{path}: {one}" for one in wrong_in(answer, shapes.get(route, Counter()), outside)]
    assert not wrong, "\n".join(wrong)
    assert all(seen[f"{kind}"] for kind in KINDS), seen
    assert seen["text/html"] > 2 * len(EVERY)


def test_what_the_model_says_of_a_text_is_words() -> None:
    def explained(text: str) -> harmless.Read:
        piece = Piece(start=0, end=9, text=text, weight=0.5)
        score = Score(head="harmful", label="cure", probability=0.9, up=[piece], down=[piece])
        near = NearAnswer(
            id="x", text=text, act="claim", harms=["cure"], function=text, case_id=1, similarity=0.5
        )
        found = ExplanationAnswer(
            case_id=1, content_hash="x", model="m", judged_by="n", start=0, end=9, length=99, variants=3, scores=[score],
            harmful=[near], harmless=[near],
        )  # fmt: skip
        return harmless.Read.of(environment("vi").get_template("explanation.html").render(found=found))

    plain = explained("tin giả").shape
    for name, text in EVERY.items():
        assert (explained(text).shape, explained(text).wrong()) == (plain, []), name


def test_no_template_takes_a_text_for_markup_and_every_frame_is_a_sandbox_without_rights() -> None:
    trusted, frames = set(), []
    for path in (*ROOT.glob("review_ui/templates/*.html"), *ROOT.glob("reports/templates/*.html")):
        source = path.read_text()
        trusted |= {
            (path.name, found) for found in re.findall(r"{{\s*([^{}]*?)\s*\|\s*(?:safe|drawing)\b", source)
        }
        frames += re.findall(r"<iframe\b[^>]*>", source)
        assert "autoescape" not in source, path
    assert {one for one in trusted if not one[1].endswith(".svg")} == {TRUSTED}
    assert frames
    assert all(re.search(r"\ssandbox(?:\s|>)", frame) for frame in frames)
