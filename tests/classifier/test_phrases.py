"""The notation of phrases says what it says, wrong phrases are refused, and the walk over words is linear."""

from __future__ import annotations

import pytest

from classifier.signals import data
from classifier.signals.phrases import WORD, Phrases
from models import DataError
from store.text import fold


class Counted(list[str]):
    """Words that count how often they are looked at."""

    looks = 0

    def __getitem__(self, at: object) -> str:  # type: ignore[override]
        self.looks += 1
        return super().__getitem__(at)  # type: ignore[index, no-any-return]


@pytest.mark.parametrize(
    "piece", ["gửi ", "đăng nhập ", "ủng hộ chuyển ", "nhận 5 triệu ", "còn 5 ", "giấy đi đường "]
)
def test_the_walk_over_words_grows_with_the_text_and_no_faster(piece: str) -> None:
    looks = []
    for times in (500, 1000, 2000):
        words = Counted(WORD.findall(fold(piece)) * times)
        data.said().find(words)
        looks.append(words.looks)
    assert 0 < looks[2] <= 2.1 * looks[1] <= 4.5 * looks[0]


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("a (b|c", "không được đóng"), ("a b)", "thừa"), ("<nào> a", "không có danh sách"), ("a .. ", "bắt đầu và kết thúc"),
        ("[a]", "bắt đầu và kết thúc"), (" ".join(["(a|b|c|d)"] * 7), "nhiều nhất"), ("", "bắt đầu và kết thúc"),
    ],
)  # fmt: skip
def test_a_phrase_written_wrongly_is_a_clear_error(phrase: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Phrases({"x": [phrase]})


def test_the_notation_of_phrases() -> None:
    read = Phrases(
        {"x": ["đi (đâu|nơi nào) [thế] .. <số> <đơn vị>"]}, {"đơn vị": ["k", "nghìn đồng"]}, {"x": ["đừng"]}
    )

    def finds(text: str) -> bool:
        return bool(read.find(WORD.findall(fold(text))))

    assert finds("Đi đâu 5k")
    assert finds("đi nơi nào thế mà mất, 1.200 nghìn đồng")
    assert not finds("đi đâu năm k")
    assert not finds("đi đâu một hai ba bốn 5k")
    assert not finds("đi đâu. Hết 5k")
    assert not finds("đừng đi đâu 5k")
    assert finds("nếu đừng đi đâu 5k")
    assert finds("đừng. Đi đâu 5k")
