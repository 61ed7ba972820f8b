"""Commands by which the model learns from the desk: export-decisions, sample, drift, examples."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table

from kiemtin.house import House
from kiemtin.screen import bar, out, say, show_counters
from kiemtin.settings import load

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from api.drift import DriftReport, WeekDrift
    from review.permissions import Person

_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_PERSONAL = (
    "Số điện thoại, tài khoản, e-mail và tên người dùng đã được che; tên người và địa chỉ trong lời bài thì"
    " không che được: giữ tệp như dữ liệu cá nhân, xóa khi xong."
)
_RAW = "Lời bài để nguyên, có thể có số điện thoại, tài khoản, tên người: giữ tệp như dữ liệu cá nhân."

By = Annotated[
    str,
    typer.Option("--as", metavar="LOGIN", help="Tên đăng nhập của trưởng nhóm hay quản trị xuất tệp này."),
]
Raw = Annotated[bool, typer.Option("--raw", help="Không che số điện thoại, tài khoản, e-mail; cần --reason.")]
Reason = Annotated[str, typer.Option(help="Lý do, ghi vào nhật ký kiểm toán.")]


class Way(StrEnum):
    """How a sample is chosen; `review.sampling.By`."""

    UNCERTAINTY = "uncertainty"
    RANDOM = "random"
    MIXED = "mixed"


class Against(StrEnum):
    WEEKS = "weeks"
    TRAINING = "training"


def export_decisions(
    target: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="Tệp ghi ra.")],
    login: By,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Chỉ quyết định từ ngày này (giờ Việt Nam).", show_default=False
        ),
    ] = None,
    all_versions: Annotated[
        bool, typer.Option("--all-versions", help="Cả lời cũ của bài đã sửa, nếu từng được quyết định.")
    ] = False,
    single: Annotated[bool, typer.Option("--single", help="Cả ca mới chỉ một người quyết định.")] = False,
    raw: Raw = False,
    reason: Reason = "",
) -> None:
    """Xuất các ca mà người duyệt cùng kết luận thành dòng huấn luyện.

    Chỉ lấy ca có ít nhất hai người quyết định như nhau, không có quyết định nào trái lại; quyết định đã hoàn
    tác không tính. Không bao giờ có tác giả. Xuất tệp là một sự kiện của nhật ký kiểm toán.
    """
    from review import export
    from review.export import Wanted

    house = House(load())
    house.require_ready()
    wanted = Wanted(since.replace(tzinfo=_VIETNAM) if since else None, all_versions, single)
    with house.records.read() as session:
        person = _person(session, login)
    with bar("Xuất quyết định") as move:
        counters = export.export_decisions(
            house.records, person, target, wanted, raw=raw, reason=reason, progress=move
        )
    private = counters.pop("privacy")
    show_counters(f"Đã xuất {target}", {f"decisions/{name}": number for name, number in counters.items()})
    say(_RAW if raw else _PERSONAL)
    if private:
        say(f"Trong đó {private} bài được quyết định là lộ đời tư của người khác.")
    if counters["single"] and not counters["exported"]:
        say("Các ca này mới có một người quyết định: thêm --single, hoặc chờ lần duyệt thứ hai.")


def sample(
    target: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="Tệp ghi ra.")],
    login: By,
    size: Annotated[int, typer.Option(min=1, max=100_000, help="Bao nhiêu bài.")] = 200,
    by: Annotated[
        Way,
        typer.Option(help="uncertainty: mô hình phân vân nhất; random: ngẫu nhiên; mixed: mỗi thứ một nửa."),
    ] = Way.MIXED,
    seed: Annotated[int, typer.Option(help="Cùng số này, cùng dữ liệu, cùng mẫu.")] = 1,
    raw: Raw = False,
    reason: Reason = "",
) -> None:
    """Chọn bài chưa ai quyết định để gán nhãn: mỗi cụm bản sao một bài, kèm xác suất được chọn.

    Với random và mixed, lấy 1/probability làm trọng số thì ước lượng trên mẫu đúng cho mọi bài chưa quyết
    định.
    """
    from classifier.in_force import InForce
    from review import labelling
    from review.sampling import Bounds
    from review.sampling import By as Ways
    from store import policies

    house = House(load())
    house.require_ready()
    with house.records.read() as session:
        person = _person(session, login)
        switch = policies.active(session)
    limits = InForce().of(switch).thresholds
    bounds = Bounds(limits.flag, limits.protected.any, limits.protected.acts)
    with bar("Chọn mẫu") as move:
        counters = labelling.sample(
            house.records, person, target, size=size, by=Ways(by.value), seed=seed, bounds=bounds, raw=raw,
            reason=reason, progress=move,
        )  # fmt: skip
    show_counters(f"Đã ghi {target}", {f"sample/{name}": number for name, number in counters.items()})
    say(_RAW if raw else _PERSONAL)


def drift(
    weeks: Annotated[int, typer.Option(min=2, max=104, help="Bao nhiêu tuần gần đây.")] = 12,
    against: Annotated[
        Against, typer.Option(help="So điểm với các tuần đầu (weeks) hay điểm huấn luyện (training).")
    ] = Against.WEEKS,
    json: Annotated[Path | None, typer.Option(help="Ghi mọi con số vào tệp này.", show_default=False)] = None,
) -> None:
    """Cho biết bài mỗi tuần khác trước đến đâu: điểm mô hình chấm, và từ ngữ."""
    from api.drift import report, training_scores

    house = House(load())
    house.require_ready()
    folder = Path(house.settings.model) if house.settings.model else None
    training = training_scores(folder) if against == Against.TRAINING else None
    with house.records.read() as session:
        found = report(session, datetime.now(UTC), weeks, training)
    _show(found)
    if json:
        _write(json, found.model_dump_json(indent=1) + "\n")


def examples(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Thư mục có functional_a và contrast_c…h.")],
    target: Annotated[Path, typer.Argument(help="Tệp ghi ra.")] = Path("models/examples.jsonl"),
) -> None:
    """Dựng tệp ví dụ viết sẵn, dùng khi giải thích điểm của một ca."""
    from classifier.examples import build

    _write(target, build(data))


_LEVELS = {"stable": "ổn", "watch": "cần xem", "changed": "đổi nhiều"}
_STATES = {
    "reference": "tuần gốc",
    "empty": "không có bài",
    "few": "quá ít bài",
    "model": "mô hình khác",
    "alone": "chưa có gì để so",
}
_ADVICE = {
    "stable": "Không cần làm gì.",
    "watch": "Xem các từ tăng nhiều và đọc vài chục bài ngẫu nhiên (kiemtin model sample --by random).",
    "changed": "Gán nhãn một mẫu (kiemtin model sample --by mixed), đo lại (kiemtin model evaluate), rồi"
    " chỉnh ngưỡng (kiemtin model thresholds) hoặc huấn luyện lại.",
}


def _show(found: DriftReport) -> None:
    table = Table(title="Độ lệch theo tuần", title_justify="left")
    for name in ("tuần", "bài", "gắn cờ", "chưa chắc", "được bảo vệ", "trung bình", "PSI (may rủi)", "điểm"):
        right = name not in {"tuần", "điểm"}
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    table.add_column("từ tăng nhiều nhất")
    for week in found.weeks:
        table.add_row(*_cells(week))
    out.print(table)
    if found.against == "training":
        say(f"Điểm so với {found.reference_scores} điểm huấn luyện của mô hình {found.model}.")
    elif found.reference:
        said = ", ".join(found.reference)
        say(f"So với {said}: các tuần trọn đầu tiên mà mô hình {found.model} chấm.")
    else:
        say("Chưa có tuần trọn nào mà mô hình đang dùng đã chấm, nên chưa so được.")
    latest = found.latest
    if latest is not None and latest.level is not None:
        say(f"{latest.week}: {_LEVELS[latest.level]}. {_ADVICE[latest.level]}")


def _cells(week: WeekDrift) -> list[str]:
    def share(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.1f} %".replace(".", ",")

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}".replace(".", ",")

    changed = (("đổi mô hình", week.model_changed), ("đổi chính sách", week.policy_changed))
    marks = [words for words, holds in (*changed, ("chưa hết tuần", not week.full)) if holds]
    return [
        " ".join([week.week, *(f"({mark})" for mark in marks)]),
        f"{week.posts:,}".replace(",", "."),
        share(week.flagged),
        share(week.uncertain),
        share(week.protected),
        number(week.mean),
        "–" if week.psi is None else f"{number(week.psi)} ({number(week.psi_by_chance)})",
        _LEVELS[week.level] if week.level else _STATES[week.state],
        escape(", ".join(rose.word for rose in week.words.rose[:6])) if week.words else "",
    ]


def _person(session: Session, login: str) -> Person:
    from api.accounts import person_of

    return person_of(session, login)


def _write(file: Path, text: str) -> None:
    from models import DataError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"Không ghi được {file}: {error}") from error
    say(f"Đã ghi {file}.")
