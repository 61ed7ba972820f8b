"""Verdicts as fact-checkers say them: in words of several languages' houses, or as a number on a scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.claim_facts import BadClaim
from store.text import words
from store.vocabulary import ClaimVerdict

# How a verdict of ours is said, and as a number from 1, false, to 5, true.
SAID: dict[ClaimVerdict, tuple[str, int]] = {
    ClaimVerdict.FALSE: ("Sai", 1),
    ClaimVerdict.MISLEADING: ("Gây hiểu lầm", 2),
    ClaimVerdict.UNPROVEN: ("Chưa có bằng chứng", 3),
    ClaimVerdict.OUTDATED: ("Đã cũ", 2),
}
# Folded to words.
_TABLE = {
    ClaimVerdict.FALSE: """
        sai; sai su that; sai hoan toan; hoan toan sai; khong dung; khong dung su that; bia dat; tin gia;
        gia mao; tin sai; lua dao; false; fake; incorrect; wrong; not true; untrue; pants on fire; fabricated;
        hoax; completely false; totally false; scam""",
    ClaimVerdict.MISLEADING: """
        gay hieu lam; gay hieu nham; sai lech; mot phan sai; sai mot phan; mot nua su that; thieu ngu canh;
        thieu boi canh; misleading; mostly false; partly false; partially false; half true; mixture; mixed;
        missing context; lacks context; out of context; altered; distorted; exaggerated; partly true""",
    ClaimVerdict.UNPROVEN: """
        chua co bang chung; chua du bang chung; khong co bang chung; chua kiem chung; chua xac thuc;
        khong co co so; unproven; unverified; no evidence; not proven; unsupported; unsubstantiated; baseless;
        insufficient evidence""",
    ClaimVerdict.OUTDATED: "da cu; khong con dung; het hieu luc; outdated; old; obsolete",
    None: """
        dung; dung su that; chinh xac; phan lon dung; true; correct; accurate; mostly true; fact""",
}
_RATINGS = {said.strip(): verdict for verdict, row in _TABLE.items() for said in row.split(";")}


def verdict_of(rating: Mapping[str, Any]) -> str:
    """Return the verdict of a schema.org Rating; its words count before its number.

    Raises `BadClaim` for one that is not understood, and for what was found true: that has no place among
    refuted claims.
    """
    said = str(rating.get("alternateName") or rating.get("name") or "").strip()
    if not said:
        return _of_number(rating)
    key = " ".join(words(said))
    if key not in _RATINGS:
        known = ", ".join(one for one, _ in SAID.values())
        raise BadClaim(
            f"không hiểu kết luận {said[:60]!r}; nhận {known}, hoặc False, Misleading, Unproven, Outdated"
        )
    verdict = _RATINGS[key]
    if verdict is None:
        raise BadClaim(f"được kết luận là đúng ({said[:60]}): ở đây chỉ giữ tuyên bố đã bị bác")
    return verdict


def _of_number(rating: Mapping[str, Any]) -> str:
    try:
        value = float(rating["ratingValue"])
        worst, best = float(rating.get("worstRating", 1)), float(rating.get("bestRating", 5))
        share = (value - worst) / (best - worst)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        raise BadClaim("reviewRating không có alternateName, cũng không có ratingValue đọc được") from None
    if not 0 <= share <= 0.6:
        raise BadClaim(
            f"điểm {value:g} (từ {worst:g} đến {best:g}) là đúng hoặc ngoài thang: chỉ giữ tuyên bố đã bị bác"
        )
    return ClaimVerdict.FALSE if share < 0.2 else ClaimVerdict.MISLEADING
