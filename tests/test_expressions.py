"""What goes over crawled text takes time in proportion to it, also where the text was made to wear it out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from lxml import html

from classifier import drift
from classifier.claims import limits
from crawlers.reading import forums, linked_data, markup

SIZE = 40_000
# Seconds of processor time, so that what else runs does not count. What is linear takes some milliseconds
# for the longer text; what is quadratic takes seconds, and sixteen times as long as for the shorter.
LITTLE = 0.2
MOST = 9.0

Step = Callable[[int], object]
STEPS: dict[str, Step] = {
    "blanks of many elements": lambda n: markup.visible(html.fromstring(f"<p>a{'<i> </i>' * n}b</p>")),
    "digits without a letter": lambda n: drift._WORD.findall("1" * n),
    "an author without a name": lambda n: linked_data._AUTHOR.search('"author":' + " " * n),
    "an author without a kind": lambda n: linked_data._AUTHOR_TYPE.search('"author":' + " " * n),
    "an address of many threads": lambda n: forums._is_nameless("/showthread.php?" * (n // 4)),
    "a policy of empty lines": lambda n: limits._CLAIM.search("\n" * n),
}


def seconds(step: Step, size: int) -> float:
    began = time.process_time()
    step(size)
    return time.process_time() - began


def in_proportion(step: Step) -> bool:
    longer = seconds(step, SIZE)
    return longer < LITTLE or longer < MOST * seconds(step, SIZE // 4)


@pytest.mark.parametrize("name", STEPS)
def test_a_text_four_times_as_long_takes_about_four_times_as_long(name: str) -> None:
    assert in_proportion(STEPS[name])


@pytest.mark.parametrize(("expression", "text"), [(r"[ \t]*\n\s*", " "), (r"\w*[^\W\d_]\w*", "1")])
def test_what_was_there_before_is_seen_as_out_of_proportion(expression: str, text: str) -> None:
    assert not in_proportion(lambda n: re.sub(expression, "", text * n))


def test_they_find_what_they_found() -> None:
    assert markup.visible(html.fromstring("<p> a <b>b</b> <br> <br> c</p>")) == "a b\nc"
    assert drift._WORD.findall("1 a1 1a 12 _b __ nhà1") == ["a1", "1a", "_b", "nhà1"]
    said = '{"author" : [ {"@type": "Person", "name": "An"}]}'
    assert linked_data._AUTHOR.findall(said) == ["An"]
    assert linked_data._AUTHOR_TYPE.findall(said) == ["Person"]
    address = "https://dien-dan.example/showthread.php?"
    nameless = [address + rest for rest in ("p=5", "", "post=5", "12-chu-de", "t=12", "p=5&t=12")]
    assert [forums._is_nameless(one) for one in nameless] == [True, True, True, False, False, False]
    assert not forums._is_nameless("https://dien-dan.example/threads/1")
