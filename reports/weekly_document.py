"""The weekly report as a document: two pages that say what matters, then annexes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports import charts
from reports.blocks import Block, Bullets, Document, Figure, Figures, Heading, Key, Para, Picture, Table
from reports.findings import findings
from reports.model import Burst, Change, ClaimLine, OutcomeLine, Weekly
from reports.periods import named
from reports.words import KINDS as SOURCE_KINDS
from reports.words import (
    OUTCOMES,
    REFERRALS,
    TROUBLES,
    VERDICTS,
    change,
    count,
    decimal,
    hours,
    interval,
    label,
    moment,
    plain_interval,
    span,
)

_FIRST = 3  # claims on the first pages; all are in the annex


def document(weekly: Weekly, note: str = "") -> Document:
    """Return the report as blocks; `note` is what the lead adds in their own words."""
    return Document(
        kind="BÁO CÁO",
        title=f"Tình hình tin sai lệch và lừa đảo liên quan COVID-19, {span(named(weekly.week))}",
        blocks=tuple(_blocks(weekly, note)),
        annexes=tuple(_annexes(weekly)),
        foot=_foot(weekly),
    )


def _blocks(weekly: Weekly, note: str) -> Iterator[Block]:
    yield Key("Điều cần biết", tuple(findings(weekly)), note)
    yield Heading("1. Tin gì đã lan truyền")
    yield Figures(
        (
            _figure("Bài thu thập", weekly.posts),
            _figure("Bài bị gắn cờ", weekly.flagged),
            _figure("Bài chưa chắc", weekly.uncertain),
            _figure("Ca mới mở", weekly.work.opened),
        )
    )
    yield _weeks_chart(weekly)
    yield from _claims(weekly)
    yield from _bursts(weekly)
    yield Heading("2. Đã làm gì")
    yield from _work(weekly)
    yield Heading("3. Người dân hỏi gì mà chưa ai trả lời")
    yield from _voids(weekly)
    yield Heading("4. Chất lượng xét duyệt và quyền của người dân")
    yield from _quality(weekly)
    yield Heading("5. Nguồn tin và độ chắc chắn")
    yield from _certainty(weekly)


def _figure(name: str, two: Change) -> Figure:
    return Figure(name, count(two.now), change(two))


def _weeks_chart(weekly: Weekly) -> Picture:
    rows = [
        {"week": week.first.strftime("%d/%m"), "bars": week.flagged, "line": week.decided}
        for week in weekly.weeks
    ]
    last = weekly.weeks[-1]
    says = (
        f"Tuần này {count(last.flagged)} bài bị gắn cờ, {count(last.decided)} ca được quyết định;"
        " mười hai tuần ở Phụ lục 4."
    )
    drawn = charts.weeks(rows, says, "Bài bị gắn cờ", "Ca đã quyết định")
    return Picture(drawn, "Hình 1. Bài bị gắn cờ và ca đã quyết định, theo tuần (ngày thứ Hai)")


def _claims(weekly: Weekly) -> Iterator[Block]:
    if not weekly.claims:
        yield Para("Không có bài nào khớp một tuyên bố đã kiểm chứng.")
        return
    yield Table(
        f"Tuyên bố được nhắc nhiều nhất ({min(_FIRST, len(weekly.claims))} trong"
        f" {count(weekly.claims_total)})",
        ("Tuyên bố", "Kết luận", "Bài", "Tuần trước", "Nguồn", "Tỉnh", "Đính chính"),
        tuple(
            (
                line.wording, VERDICTS.get(line.verdict, line.verdict), count(line.now), count(line.before),
                count(line.sources), count(line.provinces), "đã công bố" if line.corrected else "**chưa**",
            )
            for line in weekly.claims[:_FIRST]
        ),
        frozenset({2, 3, 4, 5}),
        (43, 13, 7, 9, 9, 8, 11),
    )  # fmt: skip


def _bursts(weekly: Weekly) -> Iterator[Block]:
    if not weekly.bursts:
        if weekly.inside:
            yield Para("Không có nhóm bài mới nào lan nhanh bất thường ngoài các tuyên bố đã kiểm chứng.")
        return
    yield Para("**Đang nổi lên, chưa ai kiểm chứng:**")
    yield Bullets(tuple(map(_burst, weekly.bursts[:2])))


def _burst(one: Burst) -> str:
    who = f"Nhóm {one.cluster_id}, không bị gắn cờ"
    if one.case_id:
        who = f"Ca {one.case_id} ({label(one.harm).lower()})"
    spread = f"{count(one.posts)} bài ở {count(one.sources)} nguồn"
    return f"{who}: {spread}, bình thường khoảng {decimal(one.expected)}."


def _work(weekly: Weekly) -> Iterator[Block]:
    work = weekly.work
    yield Table(
        "Quyết định trong tuần",
        ("", *(OUTCOMES[one.outcome] for one in work.outcomes), "Tất cả"),
        (
            ("Tuần này", *(count(one.now) for one in work.outcomes), f"**{count(work.decided.now)}**"),
            ("Tuần trước", *(count(one.before) for one in work.outcomes), count(work.decided.before)),
        ),
        frozenset(range(1, len(work.outcomes) + 2)),
    )
    said = f"Thời gian từ khi mở ca đến khi quyết định (trung vị): **{hours(work.hours)}**"
    said += f" (tuần trước {hours(work.hours_before)}). " if work.hours_before is not None else ". "
    said += f"Còn chờ {count(work.waiting)} ca"
    said += f", lâu nhất {decimal(work.oldest_days)} ngày. " if work.oldest_days is not None else ". "
    said += f"Chuyển cấp {count(work.escalated.now)} ca. "
    said += f"Đính chính công bố hoặc sửa trong tuần: {count(work.corrections.now)};"
    said += f" đang công khai: {count(work.corrections_public)}."
    yield Para(said)
    yield Para(f"Đề nghị chuyển công an: {_referrals(work.referrals)}")


def _referrals(lines: Sequence[OutcomeLine]) -> str:
    told = [f"{count(one.now)} {REFERRALS[one.outcome]}" for one in lines if one.now is None or one.now]
    return f"{', '.join(told)}." if told else "không có thay đổi trong tuần."


def _voids(weekly: Weekly) -> Iterator[Block]:
    voids = weekly.voids
    yield Para(
        f"{count(voids.questions)} bài là câu hỏi; {count(voids.unanswered)} câu không khớp tuyên"
        " bố nào đã kiểm"
        " chứng và không có ai đáp trong cùng chủ đề."
    )
    if voids.topics:
        yield Bullets(
            tuple(
                f"“{one.words}”: {count(one.questions)} câu hỏi, {count(one.sources)} nguồn."
                for one in voids.topics
            )
        )
    elif voids.unanswered != 0:
        yield Para("Không có chuyện nào được từ năm người cùng hỏi.")
    if voids.claims:
        yield Para("**Đã có lời giải đáp trong kho nhưng chưa công bố đính chính:**")
        yield Bullets(tuple(f"{one.wording} ({count(one.questions)} câu hỏi)" for one in voids.claims[:2]))


def _quality(weekly: Weekly) -> Iterator[Block]:
    quality = weekly.quality
    before = (
        f" Tuần trước: {interval(quality.false_flags_before)}."
        if quality.false_flags_before.value is not None
        else ""
    )
    yield Para(f"**Phát ngôn được bảo vệ bị gắn cờ nhầm: {interval(quality.false_flags)}.**{before}")
    told = [
        "Trong các ca bị gắn cờ đã quyết định, người duyệt xác định là phát ngôn được bảo vệ:"
        f" {interval(quality.wrong_flags)}.",
        f"Hai người duyệt độc lập đồng ý với nhau (kappa của Cohen, {count(quality.kappa.of)} ca):"
        f" {plain_interval(quality.kappa)}.",
        f"Quyết định bị xét lại và đổi khác: {count(quality.turned.now)} (tuần trước"
        f" {count(quality.turned.before)}).",
    ]
    told.append(
        f"Khiếu nại và yêu cầu đính chính nhận được: {count(quality.complaints.now)};"
        f" quyết định đổi theo khiếu nại: {count(quality.complaints_changed)}."
    )
    yield Bullets(tuple(told))


def _certainty(weekly: Weekly) -> Iterator[Block]:
    trouble = [line for line in weekly.sources if line.trouble]
    if weekly.inside:
        said = f"{count(len(weekly.sources))} nguồn tin. "
        if trouble:
            named_ = "; ".join(f"{one.name} ({TROUBLES[str(one.trouble)]})" for one in trouble[:3])
            said += f"Cần xem lại {len(trouble)} nguồn: {named_}{'…' if len(trouble) > 3 else '.'}"
        else:
            said += "Nguồn nào cũng đọc được và có bài như thường."
        yield Para(said)
    unscored = (
        f" {count(weekly.unscored)} bài của tuần chưa được chấm khi lập báo cáo."
        if weekly.unscored != 0
        else ""
    )
    yield Para(
        "Số bài là số bài trong các nguồn đã khai báo, không phải trên toàn mạng. Bài bị gắn cờ là"
        " do máy xếp để"
        " người xem trước, không phải kết luận; khớp với tuyên bố là khớp về chủ đề, gồm cả bài"
        " hỏi và bài bác tin."
        f"{unscored}{'' if weekly.over else ' Tuần chưa kết thúc: số liệu còn thay đổi.'}",
        small=True,
    )


def _annexes(weekly: Weekly) -> Iterator[Block]:
    yield Heading("Phụ lục 1. Bài theo tác hại")
    if weekly.harms:
        rows = [{"name": label(one.harm), "now": one.now, "before": one.before} for one in weekly.harms]
        says = "; ".join(
            f"{label(one.harm)} {count(one.now)}, tuần trước {count(one.before)}" for one in weekly.harms
        )
        yield Picture(
            charts.compared(rows, says, "Tuần này", "Tuần trước"),
            "Hình 2. Bài trong các ca, theo tác hại có khả năng nhất (một ca chỉ tính một tác hại)",
        )
    else:
        yield Para("Không có ca nào trong hai tuần.")
    yield Heading("Phụ lục 2. Mọi tuyên bố được nhắc")
    if weekly.claims:
        yield _all_claims(weekly.claims, weekly.claims_total)
    else:
        yield Para("Không có.")
    if weekly.sources:
        yield Heading("Phụ lục 3. Nguồn tin")
        yield Table(
            "Bài mới và tình trạng của từng nguồn",
            ("Nguồn", "Loại", "Bài", "Tuần trước", "Lần hỏng", "Tình trạng"),
            tuple(
                (
                    one.name, SOURCE_KINDS.get(one.kind, one.kind), count(one.now), count(one.before),
                    count(one.failures), TROUBLES.get(str(one.trouble), "bình thường"),
                )
                for one in weekly.sources
            ),
            frozenset({2, 3, 4}),
            (34, 18, 9, 12, 10, 17),
        )  # fmt: skip
    yield Heading("Phụ lục 4. Mười hai tuần")
    yield Table(
        "Số liệu của Hình 1",
        ("Tuần", "Từ ngày", "Bài thu thập", "Bài bị gắn cờ", "Ca đã quyết định"),
        tuple(
            (
                one.name,
                one.first.strftime("%d/%m/%Y"),
                count(one.posts),
                count(one.flagged),
                count(one.decided),
            )
            for one in weekly.weeks
        ),
        frozenset({2, 3, 4}),
    )
    yield Heading("Phụ lục 5. Cách tính")
    yield Bullets(tuple(_method(weekly)))


def _all_claims(lines: Sequence[ClaimLine], total: int) -> Table:
    return Table(
        f"{len(lines)} tuyên bố được nhắc nhiều nhất trong {count(total)}",
        ("Tuyên bố", "Tác hại", "Bài", "Khớp chắc", "Hỏi", "Bác tin", "Tuần trước"),
        tuple(
            (
                line.wording, label(line.harm), count(line.now), count(line.firm), count(line.asking),
                count(line.refuting), count(line.before),
            )
            for line in lines
        ),
        frozenset({2, 3, 4, 5, 6}),
        (46, 18, 7, 9, 6, 7, 9),
    )  # fmt: skip


def _method(weekly: Weekly) -> Iterator[str]:
    yield "Tuần từ thứ Hai đến Chủ nhật, giờ Việt Nam; bài tính vào tuần hệ thống thấy lần đầu."
    yield (
        "Tỷ lệ phát ngôn được bảo vệ bị gắn cờ nhầm: lấy tỷ lệ phát ngôn được bảo vệ trong các ca"
        " gắn cờ đã quyết"
        " định làm tỷ lệ chung cho mọi ca gắn cờ, chia cho tổng số nhóm bài được bảo vệ, trong đó"
        " nhóm không bị"
        " gắn cờ lấy theo máy. Khoảng tin cậy theo Wilson."
    )
    yield (
        "Nhóm đang nổi lên: ít nhất 5 bài trong tuần, không khớp chắc tuyên bố nào, và số bài vượt"
        " mức ngẫu nhiên"
        " (Poisson, p < 0,001) so với bốn tuần trước."
    )
    yield "Câu hỏi cùng chuyện: nêu tên khi có từ 5 bài trở lên dùng chung một cụm từ."
    if not weekly.inside:
        yield "Số từ 1 đến 4 ghi là “< 5”; số có thể suy ra chúng cũng không nêu."
    yield f"Mô hình: {', '.join(weekly.models) or '–'}. Chính sách: {', '.join(weekly.policies) or '–'}."


def _foot(weekly: Weekly) -> str:
    made = f"Lập từ hệ thống Kiểm Tin lúc {moment(weekly.made_at)}."
    return f"{made} Không chứa tên hay tài khoản của người viết bài."
