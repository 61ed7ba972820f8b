"""The command that shows what thresholds would do, chooses them, and writes a new policy."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from kiemtin.commands import labelled
from kiemtin.screen import out, say
from kiemtin.settings import load

if TYPE_CHECKING:
    from classifier.evaluate.seen import HeldOut
    from classifier.evaluate.thresholds import Choice, Effect
    from classifier.policy import Policy, Thresholds


def thresholds(
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="Dữ liệu có nhãn chưa học; không có thì dùng oof.npz của mô hình.", show_default=False
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Thư mục mô hình; mặc định KIEMTIN_MODEL.", show_default=False)
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Tệp chính sách; mặc định chính sách đang dùng.", show_default=False)
    ] = None,
    flag: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="P(có hại) từ đó gắn cờ.", show_default=False)
    ] = None,
    protected: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="P(hành vi được bảo vệ) từ đó không bao giờ gắn cờ.", show_default=False
        ),
    ] = None,
    uncertain: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="P(có hại) từ đó người xem.", show_default=False)
    ] = None,
    choose: Annotated[
        bool, typer.Option("--choose", help="Chọn flag (và protected, nếu không cho) theo --share.")
    ] = False,
    share: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Gắn cờ nhiều nhất phần này của phát ngôn được bảo vệ.")
    ] = 0.01,
    prevalence: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Phần bài có hại ở nơi sẽ dùng; đổi số bài phải xem.", show_default=False
        ),
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Ghi các ngưỡng vào một tệp chính sách mới.", show_default=False)
    ] = None,
    version: Annotated[
        str, typer.Option(help="Phiên bản của chính sách mới; mặc định số kế tiếp.", show_default=False)
    ] = "",
    resamples: Annotated[int, typer.Option(min=100, max=100_000, help="Số lần rút lại.")] = 1000,
) -> None:
    """Cho thấy các ngưỡng sẽ làm gì, trên điểm của bài mô hình chưa học; chọn ngưỡng; ghi chính sách mới.

    Không bao giờ sửa chính sách đang dùng: --write chỉ ghi vào một tệp chưa có.
    """
    from classifier.evaluate import thresholds as limits
    from models import DataError

    settings = load()
    base, text = labelled.policy_of(policy)
    if choose and flag is not None:
        raise DataError("--choose tự chọn flag: bỏ --flag, hoặc bỏ --choose.")
    held = _held_out(model or settings.model, data)
    picked, wanted = None, limits.with_(base.thresholds, flag, protected, uncertain)
    if choose:
        asked = limits.with_(base.thresholds, uncertain=uncertain)
        picked = limits.choose(held, asked, share, protected, prevalence, resamples)
        wanted = picked.thresholds
    rows = [*limits.grid(base.thresholds)]
    if wanted not in rows:
        rows.append(wanted)
    effects = limits.effects(held, rows, prevalence, resamples)
    _show_effects(held, effects, base.thresholds, wanted, prevalence)
    if picked:
        _show_choice(picked, share)
    if write:
        effect = next(one for one in effects if one.thresholds == wanted)
        _write_policy(write, version, text, base, held, effect, picked)


def _held_out(folder: Path | str | None, data: list[Path] | None) -> HeldOut:
    from classifier.evaluate.seen import HeldOut
    from classifier.load import folder_of
    from models import DataError

    if not data:
        return HeldOut.load(folder_of(folder))
    (rows,), _ = labelled.read(data, "", together=True)
    seen = labelled.look(folder, rows)
    if seen.fresh is False:
        raise DataError(f"Mô hình đã học trên {rows.name}: ngưỡng chọn trên đó không giữ được ở bài mới.")
    return HeldOut.of(rows, seen.scores)


def _write_policy(
    file: Path,
    version: str,
    text: str,
    base: Policy,
    held: HeldOut,
    effect: Effect,
    choice: Choice | None,
) -> None:
    from classifier import policy_edit
    from models import DataError

    before, after = (_numbers(limits) for limits in (base.thresholds, effect.thresholds))
    changed = {name: value for name, value in after.items() if value != before[name]}
    if not changed:
        raise DataError("Không có ngưỡng nào đổi: cho --choose, --flag, --protected hay --uncertain.")
    new_version = version or policy_edit.next_version(base.version)
    moved = ", ".join(f"{name} from {before[name]:g} to {value:g}" for name, value in changed.items())
    why = f"After {base.version}: {moved}.\n{_measured(held, effect, choice)}"
    policy_edit.write_new(file, policy_edit.revised(text, new_version, changed, why))
    say(
        f"Đã ghi {file}, phiên bản {new_version}. Chính sách đang dùng không đổi: xem trước bằng"
        f" `kiemtin policy backtest {file}`, rồi đổi bằng `kiemtin policy switch {file} --reason …`."
    )


def _numbers(limits: Thresholds) -> dict[str, float]:
    return {"flag": limits.flag, "uncertain": limits.uncertain, "protected": limits.protected.any}


def _measured(held: HeldOut, effect: Effect, choice: Choice | None) -> str:
    """Return what a new policy's comment says of its thresholds, in the language of its other comments."""
    found, speech = (choice.found, choice.speech) if choice else (effect.found, effect.speech)
    how = "chosen on four fifths and measured on the rest, five times" if choice else "measured"
    return (
        f"On {len(held.harmful)} posts not learned from, {int(held.harmful.sum())} harmful ({how}; 95 %"
        f" intervals):\n{100 * found.value:.1f} % of harmful posts flagged ({100 * found.low:.1f} to"
        f" {100 * found.high:.1f}), {100 * speech.value:.2f} % of protected ones ({100 * speech.low:.2f} to"
        f" {100 * speech.high:.2f})."
    )


def _show_effects(
    held: HeldOut,
    effects: Iterable[Effect],
    now: Thresholds,
    wanted: Thresholds,
    prevalence: float | None,
) -> None:
    from classifier.evaluate import numbers

    number, harmful = len(held.harmful), int(held.harmful.sum())
    title = f"Trên {numbers.count(number)} bài chưa học ({numbers.count(harmful)} có hại)"
    if prevalence is not None:
        title += f", tính cho nơi {numbers.percent(prevalence)} bài có hại"
    table = Table("", title=title, title_justify="left")
    for column in ("cờ từ", "bảo vệ từ", "có hại bị cờ", "được bảo vệ bị cờ", "cờ đúng", "có hại tới người"):
        table.add_column(column, justify="right")
    table.add_column("xem mỗi 1.000", justify="right")
    for effect in effects:
        limits = effect.thresholds
        mark = "đang dùng" if limits == now else "đề nghị" if limits == wanted else ""
        looks, least, most = (1000 * n for n in (effect.seen.value, effect.seen.low, effect.seen.high))
        table.add_row(
            mark,
            f"{limits.flag:g}".replace(".", ","),
            f"{limits.protected.any:g}".replace(".", ","),
            *(
                numbers.with_interval(figure, in_percent=True)
                for figure in (effect.found, effect.speech, effect.precision, effect.reached)
            ),
            f"{looks:.0f} ({least:.0f} đến {most:.0f})",
            style="bold" if mark else "",
        )
    out.print(table)


def _show_choice(choice: Choice, share: float) -> None:
    from classifier.evaluate import numbers

    limits = choice.thresholds
    found, speech = (numbers.with_interval(one, in_percent=True) for one in (choice.found, choice.speech))
    say(
        f"Chọn flag {limits.flag:g}, protected {limits.protected.any:g} để gắn cờ nhiều nhất"
        f" {numbers.percent(share)} phát ngôn được bảo vệ. Dòng “đề nghị” đo trên chính các bài đã chọn nên"
        f" lạc quan; chọn trên bốn phần năm rồi đo trên phần còn lại: có hại bị cờ {found}, được bảo vệ bị cờ"
        f" {speech}."
    )
