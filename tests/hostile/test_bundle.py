"""A bundle of hostile evidence: its page does nothing where it is opened, its report holds texts, its data is data."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator

import pypdfium2
import pytest

from evidence.build import build
from kiemtin.demo_authority import authority
from store.inert import inert
from tests.databases import sqlite_at
from tests.evidence.made import BEGUN, TEXT, confirmed, referred, tools
from tests.hostile.corpus import CONTROLS, EVERY, MARKUP
from tests.hostile.harmless import Read

# Said of the page as it was: what the texts bring, in the page and as words.
PAGE = f"<!doctype html><html><head><title>Bán thuốc</title></head><body><p>{TEXT}</p>{' '.join(MARKUP.values())}</body></html>"
WORDS = " ".join((TEXT, *MARKUP.values(), *CONTROLS.values()))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("hostile")
    records = sqlite_at(folder / "k.db")
    made = referred(records, folder, PAGE, WORDS)
    own = authority(folder / "ca")
    build(made.given(), confirmed(original_reason=""), tools(made.archive, own), folder / "b.zip", BEGUN)
    with zipfile.ZipFile(folder / "b.zip") as file:
        yield {name: file.read(name) for name in file.namelist()}
    records.close()


def test_the_page_in_a_bundle_begins_with_a_policy_and_loads_nothing(parts: dict[str, bytes]) -> None:
    page = parts["post/dom.html"].decode()
    first = [one.attrib.get("http-equiv") for one in Read.of(page).elements if one.tag == "meta"]
    assert first == [None, "Content-Security-Policy", None]
    tags = {str(one.tag).rpartition("}")[2] for one in Read.of(page).elements}
    assert not tags & {"link", "base", "iframe", "object", "embed", "frame"}
    assert "default-src 'none'" in page.splitlines()[0]
    assert "alert(1)" in page  # what it was stays to be read


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_no_text_stands_before_the_policy_of_an_inert_page(text: str) -> None:
    head = [
        one for one in Read.of(inert(text)).elements if str(one.tag) in {"head", "meta", "body", "script"}
    ]
    named = [one.attrib.get("http-equiv") or one.tag for one in head]
    assert named[:4] == ["head", "meta", "Content-Security-Policy", "meta"]
    assert "refresh" not in named


def test_the_report_of_a_bundle_holds_the_words_and_leads_nowhere(parts: dict[str, bytes]) -> None:
    made = parts["report.pdf"]
    assert not re.search(rb"/(?:JavaScript|JS|URI|Launch|SubmitForm|EmbeddedFile)\b", made)
    said = "".join(page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(made))
    assert "<script>alert(1)</script>" in re.sub(r"\s", "", said)


def test_the_data_of_a_bundle_is_data(parts: dict[str, bytes]) -> None:
    for name, content in parts.items():
        if name.endswith(".json"):
            json.loads(content)
        elif name.endswith(".jsonl"):
            for line in content.splitlines():
                json.loads(line)
    assert "\x00" not in parts["post/text.txt"].decode()
