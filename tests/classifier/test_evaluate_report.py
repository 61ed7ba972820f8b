"""The report tells all by itself, loads and runs nothing; the command measures what it is given."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import models
from classifier.evaluate import disturb, report, rows, run, seen
from classifier.load import folder_of
from classifier.policy import load_policy
from kiemtin.cli import app
from tests.classifier import written
from tests.classifier.written import some_scores


class Page(HTMLParser):
    """Reads a page strictly: every tag is closed by its own end, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(text: str) -> Page:
    """Read a report, and see that it loads and runs nothing."""
    page = Page(text)
    assert page.tags <= {
        "html", "head", "meta", "title", "style", "body", "main", "header", "nav", "section", "figure", "figcaption",
        "h1", "h2", "h3", "h4", "p", "ul", "li", "a", "table", "thead", "tbody", "tr", "th", "td", "div", "span", "strong",
        "code", "svg", "line", "polyline", "circle", "text",
    }  # fmt: skip
    assert not any(name.startswith("on") or name in {"src", "style", "srcset"} for name, _ in page.attributes)
    links = [value for name, value in page.attributes if name == "href"]
    assert links
    assert all(link and link[0] == "#" and link[1:] in page.ids for link in links)
    assert len(page.ids) == len({*page.ids})
    assert not re.search(r"://|url\(|@import|expression\(", text)
    return page


HOSTILE = '</style><script>alert("x")</script>&<img src=x onerror=alert(1)>'


def test_hostile_texts_are_shown_and_do_nothing(tmp_path: Path) -> None:
    made = [
        {
            **row,
            "topic": f"{row['topic']}{HOSTILE}",
            "source": HOSTILE,
            "function": f"{row['function']}{HOSTILE}",
        }
        for row in written.rows()
    ]
    hostile, _ = rows.read(written.write(tmp_path / "contrast_<b>.jsonl", made), note=HOSTILE)
    one = seen.Seen(HOSTILE, some_scores(len(hostile)))
    figures = run.measure(hostile, one, load_policy(), replace(one, model=f"2{HOSTILE}"), resamples=100)
    refused = (rows.Refused(HOSTILE, 3, HOSTILE),)
    limits = run.limits_of(load_policy())
    evaluation = run.Evaluation("<i>1", limits, 100, (figures,), refused)
    text = report.render(evaluation, datetime(2026, 11, 28, tzinfo=UTC))
    check(text)
    assert "&lt;script&gt;" in text
    assert "<script" not in text


# The command.


@pytest.fixture
def kiemtin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "220")
    monkeypatch.setenv("KIEMTIN_DATA_DIR", str(tmp_path / "var"))
    return CliRunner()


def well(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def test_the_shipped_model_is_measured_and_compared_from_the_command_line(
    kiemtin: CliRunner, tmp_path: Path
) -> None:
    file = written.write(tmp_path / "contrast_own.jsonl", written.rows(), '{"id": "x"}', "hỏng")
    shown = well(
        kiemtin.invoke(
            app,
            [
                "model", "evaluate", str(file), "--compare", str(folder_of()), "--report", "r.html",
                "--json", "r.json", "--resamples", "100",
            ],
        )
    )  # fmt: skip
    assert "2 dòng không đọc được" in shown
    assert "73" in shown
    assert "74" in shown
    assert "viết ra cho từng chức năng" in shown
    figures = json.loads((tmp_path / "r.json").read_text())
    (one,) = figures["sets"]
    assert (one["rows"], one["harmful"], one["protected"], one["groups"]) == (72, 24, 32, 8)
    assert [row["line"] for row in figures["refused"]] == [73, 74]
    assert one["headline"]["roc_auc"]["figure"]["value"] > 0.7
    # It is compared with itself.
    assert {head["difference"]["value"] for head in one["headline"].values()} == {0}
    assert {change["name"] for change in one["changes"]} == {*disturb.CHANGES}
    page = check((tmp_path / "r.html").read_text())
    assert "svg" in page.tags
    text = (tmp_path / "r.html").read_text()
    for needed in (
        "Kiểm tra theo chức năng",
        "giới hạn 1",
        "Ma trận nhầm lẫn",
        "bỏ hết dấu",
        "hỏi",
        "không phải JSON",
    ):
        assert needed in text
    # Every figure names its data set, its size and where the labels come from.
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text, re.DOTALL)
    assert len(captions) > 6
    assert all("contrast_own, 72 bài" in c and "mô hình ngôn ngữ viết" in c for c in captions[:-1])


def test_files_are_measured_apart_or_together(kiemtin: CliRunner, tmp_path: Path) -> None:
    files = [str(written.write(tmp_path / f"contrast_{name}.jsonl", written.rows())) for name in "ab"]
    base = ["model", "evaluate", *files, "--no-disturb", "--resamples", "100", "--json", "r.json"]
    well(kiemtin.invoke(app, base))
    assert [one["rows"] for one in json.loads((tmp_path / "r.json").read_text())["sets"]] == [72, 72]
    shown = well(kiemtin.invoke(app, [*base, "--together", "--labels-note", "Hai người duyệt."]))
    (one,) = json.loads((tmp_path / "r.json").read_text())["sets"]
    assert (one["rows"], one["groups"], one["changes"]) == (144, 16, [])
    assert "Hai người duyệt." in shown


def test_what_cannot_be_written_or_read_is_a_clear_error(kiemtin: CliRunner, tmp_path: Path) -> None:
    file = str(written.write(tmp_path / "a.jsonl", written.rows()))
    few = ["--no-disturb", "--resamples", "100"]
    for arguments in (
        [file, "--report", str(tmp_path / "no" / "r.html"), *few],
        [file, "--model", str(tmp_path / "no"), *few],
        [file, "--held-out", *few, "--model", str(folder_of())],
        [str(tmp_path / "none.jsonl"), *few],
    ):
        failed = kiemtin.invoke(app, ["model", "evaluate", *arguments])
        assert isinstance(failed.exception, models.DataError), failed.output
