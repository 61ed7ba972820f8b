"""What browsers report of our pages: counted and told the log in a few words, and nothing else of it kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.csp_reports import A_MINUTE, LARGEST, PATH
from store.vocabulary import Role
from tests.api.people import Browser, Front

OLD = {
    "csp-report": {
        "document-uri": "http://desk.example/cases/17?q=Nguy%E1%BB%85n+Th%E1%BB%8B+Hoa",
        "referrer": "http://desk.example/search?q=0912345678",
        "effective-directive": "script-src-elem",
        "blocked-uri": "https://evil.example/a.js?lan",
        "script-sample": "alert('Nguyễn Thị Hoa')",
    }
}
NEW = [
    {
        "type": "csp-violation",
        "url": "http://desk.example/search?q=0912345678",
        "user_agent": "Lan's browser",
        "body": {
            "documentURL": "http://desk.example/search?q=0912345678",
            "effectiveDirective": "style-src-attr",
            "blockedURL": "inline",
        },
    },
    {"type": "deprecation", "body": {"id": "x"}},
]


@pytest.fixture
def browser(front: Front) -> Browser:
    return front.browser()


def send(browser: Browser, said: Any, media_type: str = "application/csp-report") -> int:
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    return browser.client.post(PATH, content=content, headers={"Content-Type": media_type}).status_code


def measured(front: Front, browser: Browser) -> list[str]:
    meters = browser.client.app.state.meters  # type: ignore[attr-defined]
    return [
        f"{sample.name} {sorted(sample.labels.values())} {sample.value:.0f}"
        for family in meters.registry.collect()
        if family.name.startswith("kiemtin_csp")
        for sample in family.samples
        if sample.name.endswith("_total")
    ]


def test_a_report_is_counted_and_logged_without_what_somebody_wrote(front: Front, browser: Browser) -> None:
    with capture_logs() as logged:
        assert send(browser, OLD) == 204
        assert send(browser, NEW, "application/reports+json; charset=utf-8") == 204
    said = [one for one in logged if one["event"] == "csp.stopped"]
    assert [(one["directive"], one["blocked"], one["page"]) for one in said] == [
        ("script-src-elem", "elsewhere", "/cases"),
        ("style-src-attr", "inline", "/search"),
    ]
    for secret in ("Nguy", "0912345678", "evil.example", "alert", "17", "Lan"):
        assert secret not in json.dumps(said), secret
    assert measured(front, browser) == [
        "kiemtin_csp_reports_total ['elsewhere', 'script-src-elem'] 1",
        "kiemtin_csp_reports_total ['inline', 'style-src-attr'] 1",
    ]


@pytest.mark.parametrize(
    ("blocked", "kind"),
    [
        ("http://desk.example/static/x.js", "own"),
        ("data", "data"),
        ("data:text/html,x", "data"),
        ("eval", "eval"),
        ("", "unknown"),
        ("http://[", "other"),
        ("chrome-extension://abc/x.js", "other"),
    ],
)
def test_what_was_stopped_is_a_word(front: Front, browser: Browser, blocked: str, kind: str) -> None:
    assert (
        send(
            browser,
            {
                "csp-report": {
                    "document-uri": "http://[",
                    "violated-directive": "x" * 900,
                    "blocked-uri": blocked,
                }
            },
        )
        == 204
    )
    assert measured(front, browser) == [f"kiemtin_csp_reports_total {sorted((kind, 'other'))} 1"]


@pytest.mark.parametrize(
    ("said", "media_type", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"", "application/csp-report", 400),
        (b"[" * 10_000, "application/reports+json", 400),
        (b'{"csp-report": 3}', "application/csp-report", 400),
        (b"\xff", "application/csp-report", 400),
        (b" " * (LARGEST + 1), "application/csp-report", 413),
    ],
)
def test_what_is_no_report_or_too_large_is_refused(
    browser: Browser, said: bytes, media_type: str, status: int
) -> None:
    with capture_logs() as logged:
        assert send(browser, said, media_type) == status
    assert not [one for one in logged if one["event"] == "csp.stopped"]


def test_a_flood_is_refused_and_counted(front: Front, browser: Browser) -> None:
    many = [{**NEW[0]}] * 20
    statuses = [send(browser, many, "application/reports+json") for _ in range(5)]
    assert statuses == [204, 204, 204, 429, 429]
    assert measured(front, browser) == [
        f"kiemtin_csp_reports_total ['inline', 'style-src-attr'] {A_MINUTE}",
        "kiemtin_csp_reports_refused_total ['too many'] 2",
    ]


def test_every_page_names_where_to_report(browser: Browser) -> None:
    assert "; report-uri /csp-report" in browser.client.get("/sign-in").headers["Content-Security-Policy"]


def test_half_a_letter_that_no_column_holds_is_refused_and_not_a_failure(front: Front) -> None:
    lead = front.signed_in(Role.ADMIN)
    content = json.dumps({"login": "moi", "name": "x\ud800", "role": "reviewer"})
    answer = lead.client.post("/api/v1/people", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
