"""Claims leave as ClaimReview and come back the same; what others publish is taken in, a bad row refused alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from store import claims
from store.claim_facts import BadClaim, Facts, checked, facts_of
from store.claim_files import FileUnreadable, Refused, read_file, read_text, take, written
from store.claim_review import document, from_review, to_review
from store.claims import Wanted
from store.records import Records
from store.vocabulary import ClaimVerdict

TEXT = st.text(min_size=1, max_size=60).map(lambda said: f"Từ {said}")
DAYS = st.none() | st.dates(date(1, 1, 1))


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """Any claim that may be kept."""
    since, until = draw(DAYS), draw(DAYS)
    if since and until and since > until:
        since, until = until, since
    years = st.sampled_from(["", "2020", "2021-07", "2021-07-15", "2020/2022", "2021-01-02/2021-03"])
    return checked(
        Facts(
            id=draw(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True).filter(lambda i: i not in {"new", "import", "export"})),
            wording=draw(TEXT), harm=draw(st.sampled_from(models.labels().harms)),
            verdict=draw(st.sampled_from([*ClaimVerdict])), correction=draw(TEXT), source_name=draw(TEXT),
            paraphrases=tuple(draw(st.lists(TEXT, max_size=4))), language=draw(st.sampled_from(["vi", "en", "zh-Hant"])),
            english=draw(st.just("") | TEXT), source_url=draw(st.none() | st.just("https://example.vn/a?b=ấ#c")),
            source_date=draw(years), note=draw(st.just("") | TEXT), valid_from=since, valid_until=until,
            retired=draw(st.none() | st.booleans()),
        )
    )  # fmt: skip


@given(facts())
def test_a_claim_survives_both_forms(one: Facts) -> None:
    assert from_review(json.loads(json.dumps(to_review(one)))) == one
    assert Facts.from_row(json.loads(json.dumps(one.to_row()))) == one


@settings(max_examples=30)
@given(st.lists(facts(), min_size=1, max_size=5, unique_by=lambda one: one.id))
def test_a_document_of_claims_survives(several: list[Facts]) -> None:
    assert list(read_text(written(several))) == several


def test_an_export_taken_in_again_changes_nothing(records: Records, tmp_path: Path) -> None:
    with records.write() as session:
        claims.take_shipped(session)
    with records.read() as session:
        kept = [facts_of(row) for row in claims.find(session, Wanted(), limit=None)[0]]
    file = tmp_path / "claims.jsonld"
    file.write_text(written(kept), encoding="utf-8")
    brought = take(records, read_file(file), "user:1")
    assert (brought.new, brought.updated, brought.unchanged, brought.refused) == (0, 0, len(kept), [])


# From the vocabulary of schema.org (https://schema.org/ClaimReview and the pages it leads to): which property
# a type has, and what may be its value.
VOCABULARY: dict[str, dict[str, tuple[str, ...]]] = {
    "ClaimReview": {
        "claimReviewed": ("text",), "itemReviewed": ("Claim",), "reviewRating": ("Rating",), "reviewBody": ("text",),
        "author": ("Organization",), "url": ("url",), "datePublished": ("date",), "dateModified": ("date",),
        "inLanguage": ("text",), "keywords": ("DefinedTerm",), "temporalCoverage": ("text",),
        "creativeWorkStatus": ("text",),
    },
    "Claim": {
        "text": ("text",), "inLanguage": ("text",), "alternateName": ("text",), "workTranslation": ("Claim",),
    },
    "Rating": {
        "alternateName": ("text",), "ratingValue": ("number",), "bestRating": ("number",), "worstRating": ("number",),
        "ratingExplanation": ("text",),
    },
    "Organization": {"name": ("text",)},
    "DefinedTerm": {"termCode": ("text",), "name": ("text",), "inDefinedTermSet": ("url",)},
}  # fmt: skip


def require_valid(node: dict[str, Any]) -> None:
    kinds = VOCABULARY[node["@type"]]
    for name, value in node.items():
        if name in {"@type", "@id"}:
            continue
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                assert one["@type"] in kinds[name]
                require_valid(one)
            elif isinstance(one, int | float):
                assert "number" in kinds[name]
            elif "date" in kinds[name]:
                assert date.fromisoformat(f"{one}-01-01"[:10] if len(one) == 4 else f"{one}-01"[:10])
            else:
                assert isinstance(one, str)
                assert one
                assert {"text", "url"} & {*kinds[name]}


@given(facts())
def test_an_export_is_in_the_words_of_schema_org(one: Facts) -> None:
    review = document([one])["@graph"][0]
    require_valid(review)
    assert {"itemReviewed", "reviewRating", "author", "inLanguage"} <= {*review}
    assert review["reviewRating"]["alternateName"]
    assert ("datePublished" in review) == bool(one.source_date)


REVIEW: dict[str, Any] = {
    "@context": "https://schema.org",
    "@type": "ClaimReview",
    "url": "https://kiemchung.example/la-oi",
    "claimReviewed": "Lá ổi chữa khỏi COVID",
    "itemReviewed": {"@type": "Claim", "author": {"@type": "Person", "name": "Mạng xã hội"}, "name": "Lá ổi"},
    "reviewRating": {"@type": "Rating", "ratingValue": "1", "bestRating": "5", "worstRating": "1", "alternateName": "Sai sự thật"},
    "author": {"@id": "#toa-soan"},
    "datePublished": "2021-07-15T08:00:00+07:00",
    "reviewBody": "Không có nghiên cứu nào cho thấy điều đó.",
}  # fmt: skip
NEWSROOM = {"@type": "NewsMediaOrganization", "@id": "#toa-soan", "name": "Tòa soạn kiểm chứng"}


def pages() -> dict[str, str]:
    graph = {
        "@context": "https://schema.org",
        "@graph": [{"@type": "WebPage", "name": "x"}, NEWSROOM, REVIEW],
    }
    alone = {**REVIEW, "author": NEWSROOM}
    item = {"@type": "DataFeedItem", "item": [alone]}
    return {
        "alone": json.dumps(alone), "list": json.dumps([alone]), "graph": json.dumps(graph, indent=2),
        "feed": json.dumps({"@type": "DataFeed", "dataFeedElement": [item]}),
        "types": json.dumps({**alone, "@type": ["Review", "https://schema.org/ClaimReview"]}),
        "page": '<!doctype html><html><head><script type="application/ld+json">{hỏng</script>'
        f'<script type="application/ld+json">{json.dumps(graph)}</script></head><body>Bài</body></html>',
        "lines": json.dumps(alone) + "\n" + json.dumps(alone),
    }  # fmt: skip


@pytest.mark.parametrize("form", pages())
def test_what_fact_checkers_publish_is_read_in_each_of_its_forms(form: str, tmp_path: Path) -> None:
    file = tmp_path / "in"
    file.write_text("\ufeff" + pages()[form] if form == "alone" else pages()[form], encoding="utf-8")
    (one, *more) = [*read_file(file, "cure")]
    assert isinstance(one, Facts)
    assert (one.wording, one.source_name, one.source_date, one.verdict, one.harm) == (
        "Lá ổi chữa khỏi COVID", "Tòa soạn kiểm chứng", "2021-07-15", "false", "cure",
    )  # fmt: skip
    assert (one.correction, one.retired) == (REVIEW["reviewBody"], None)
    assert set(more) <= {one}
    assert next(iter(read_text(pages()[form], "cure"))) == one


def test_the_same_review_is_the_same_claim_when_it_is_read_again() -> None:
    named = {**REVIEW, "author": "A", "@id": "https://kiemchung.example/la-oi#review"}
    edited = {**named, "claimReviewed": "Lá ổi chữa được COVID", "reviewBody": "Viết lại."}
    assert from_review(named, "cure").id == from_review(edited, "cure").id
    other = {**REVIEW, "author": "A", "claimReviewed": "Lá ngải chữa khỏi COVID"}
    assert from_review({**REVIEW, "author": "A"}, "cure").id != from_review(other, "cure").id


@pytest.mark.parametrize(
    ("rating", "verdict"),
    [
        ({"alternateName": "Pants on Fire!"}, "false"), ({"alternateName": "SAI"}, "false"),
        ({"alternateName": "Thiếu ngữ cảnh"}, "misleading"), ({"alternateName": ["Chưa có bằng chứng"]}, "unproven"),
        ({"alternateName": {"@value": "Đã cũ", "@language": "vi"}}, "outdated"), ({"ratingValue": 1}, "false"),
        ({"ratingValue": "2", "bestRating": "5", "worstRating": "1"}, "misleading"),
        ({"ratingValue": 0, "bestRating": 10, "worstRating": 0}, "false"),
    ],
)  # fmt: skip
def test_ratings_of_others_are_understood(rating: dict[str, Any], verdict: str) -> None:
    assert from_review({**REVIEW, "author": "A", "reviewRating": rating}, "cure").verdict == verdict


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reviewRating": {"alternateName": "Đúng"}}, "là đúng"), ({"reviewRating": {"ratingValue": 5}}, "là đúng"),
        ({"reviewRating": {"alternateName": "Ba Pinocchio"}}, "không hiểu kết luận"), ({"reviewRating": {}}, "ratingValue"),
        ({"reviewRating": None}, "thiếu reviewRating"), ({"claimReviewed": "", "itemReviewed": None}, "thiếu claim"),
        ({"reviewBody": ""}, "thiếu correction"), ({"author": None}, "thiếu source.name"), ({"url": "ftp://x"}, "source.url"),
        ({"temporalCoverage": "năm ngoái"}, "temporalCoverage"),
    ],
)  # fmt: skip
def test_a_review_that_cannot_be_kept_says_why(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadClaim, match=said):
        from_review({**REVIEW, "author": "A", **change}, "cure")
    with pytest.raises(BadClaim, match="--harm"):
        from_review({**REVIEW, "author": "A"})


GOOD = Facts(
    id="la-oi",
    wording="Lá ổi chữa khỏi COVID.",
    harm="cure",
    verdict="false",
    correction="Không.",
    source_name="A",
)


def test_a_bad_row_is_refused_with_its_line_and_the_rest_are_kept(records: Records, tmp_path: Path) -> None:
    rows: list[Any] = [replace(GOOD, id=f"c-{i}").to_row() for i in range(6)]
    rows[2]["harm"] = "không có"
    lines = [json.dumps(row).encode() for row in rows]
    lines[4] = b'{"id": "\xff"}'
    lines += [
        b"",
        b"[]",
        b"{",
        b'{"@type": "ClaimReview"}',
        b"1" * 2_000_000,
        json.dumps(GOOD.to_row()).encode(),
    ]
    file = tmp_path / "claims.jsonl"
    file.write_bytes(b"\n".join(lines))
    brought = take(records, read_file(file), "user:1")
    assert brought.new == 5
    assert [one.line for one in brought.refused] == [3, 5, 8, 9, 10, 11]
    assert all(one.reason for one in brought.refused)
    assert "không phải UTF-8" in brought.refused[1].reason
    with records.read() as session:
        assert {row.claim_id for row in claims.find(session, Wanted())[0]} == {
            "c-0",
            "c-1",
            "c-3",
            "c-5",
            "la-oi",
        }


@pytest.mark.parametrize(
    "content",
    [b"", b"xin chao", b"{}", b"[]", b"<html></html>", b"\xff\xfe", b"[" * 100_000, b'{"@type": "Article"}'],
)
def test_a_file_without_claims_is_a_clear_error_or_gives_none(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(content)
    try:
        found = list(read_file(file))
    except FileUnreadable as error:
        assert str(error)
    else:
        assert all(isinstance(one, Refused) for one in found)
    with pytest.raises(FileUnreadable, match="Không đọc được"):
        read_file(tmp_path / "không có")


@given(
    st.text(max_size=300)
    | st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "@type",
                        "@id",
                        "@graph",
                        "itemReviewed",
                        "reviewRating",
                        "author",
                        "text",
                        "keywords",
                        "alternateName",
                    ]
                ),
                inner | st.just("ClaimReview"),
                max_size=4,
            )
        ),
        max_leaves=20,
    ).map(json.dumps)
)
def test_whatever_is_brought_is_taken_or_refused(said: str) -> None:
    try:
        rows = list(read_text(said, "cure"))
    except FileUnreadable:
        return
    assert all(isinstance(row, Facts | Refused) for row in rows)
