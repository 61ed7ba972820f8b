"""Commands of evidence bundles: bundle build, verify, show, receipt, recall, timestamp."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from kiemtin.house import House
from kiemtin.screen import bar, out, say
from kiemtin.settings import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

    from review.permissions import Person
    from store.records import Records

Number = Annotated[int, typer.Argument(metavar="ĐỀ_NGHỊ", help="Số của đề nghị chuyển.")]
File = Annotated[Path, typer.Argument(metavar="GÓI", help="Tệp gói, hoặc thư mục đã mở gói ra.")]
By = Annotated[str, typer.Option("--as", metavar="TÀI_KHOẢN", help="Làm với tư cách tài khoản này.")]
Out = Annotated[Path | None, typer.Option("--out", help="Chép thêm một bản ra tệp này.", show_default=False)]
_SIGNS = {"sound": "[green]đúng[/]", "open": "[yellow]còn ngỏ[/]", "broken": "[bold red]HỎNG[/]"}
_ENDS = {
    "sound": "Gói nguyên vẹn.",
    "open": "Không thấy gì sai, nhưng còn điều chưa khẳng định được (xem các dòng còn ngỏ).",
    "broken": "Gói KHÔNG nguyên vẹn: đừng dùng, và báo bên gửi.",
}
_CODES = {"sound": 0, "broken": 1, "open": 3}


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    known = typer.Typer(
        help="Gói chứng cứ của đề nghị đã phê duyệt: lập, kiểm tra, xem, biên nhận, thu hồi, dấu thời gian."
        "\n\nĐường đi: che trên trang /bundles, [bold]build[/], gửi đi, [bold]receipt[/]; sai thì"
        " [bold]recall[/]. Ai nhận gói cũng kiểm tra được bằng [bold]verify[/], hoặc chỉ với sha256sum và"
        " openssl theo VERIFY-vi.md trong gói.",
        no_args_is_help=True,
    )
    for command in (build, verify, show, receipt, recall, timestamp):
        known.command()(command)
    app.add_typer(known, name="bundle")


def build(referral: Number, by: By, target: Out = None) -> None:
    """Lập gói của một đề nghị đã phê duyệt và chuyển nó sang đã xuất.

    Cần: phần che đã được xác nhận trên trang /bundles; KIEMTIN_BUNDLE_CERT và KIEMTIN_BUNDLE_KEY. Gói nằm ở
    KIEMTIN_BUNDLE_DIR. Bị ngắt giữa chừng thì chạy lại: cùng một gói, trừ chữ ký và dấu thời gian.

    Ví dụ: kiemtin bundle build 12 --as lan --out /media/usb/12.zip
    """
    from api import bundles

    house = _ready()
    person, shelf = _person(house.records, by), house.shelf()
    with bar("Lập gói chứng cứ") as move:
        move(0, None)
        line = bundles.export(house.records, person, referral, shelf, _now)
        move(1, 1)
    bundle = line.bundle
    assert bundle is not None  # noqa: S101 it was built just now
    path = shelf.folder / bundle.name
    if target is not None:
        shutil.copyfile(path, target)
    say(f"Gói: {escape(str(target or path))} ({bundle.size} byte)")
    say(f"SHA-256 của SHA256SUMS: {bundle.manifest_sha256}")
    for stamp in line.stamps:
        if stamp.stamped_at is not None:
            say(f"Dấu thời gian của {escape(stamp.authority)}: {stamp.stamped_at.isoformat()}")
        else:
            say(f"[yellow]Chưa có dấu thời gian[/] của {escape(stamp.authority)}: {escape(stamp.error)}")
    if line.waiting:
        say("Khi có mạng: kiemtin bundle timestamp, rồi gửi lại gói hoặc riêng tệp .tsr.")


def verify(
    file: File,
    ca: Annotated[
        Path | None, typer.Option(help="Chứng thư gốc (PEM) của cơ quan ký, có được bằng đường khác.")
    ] = None,
    tsa_ca: Annotated[
        Path | None, typer.Option(help="Chứng thư gốc (PEM) của bên cấp dấu thời gian.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="In kết quả dạng JSON.")] = False,
) -> None:
    """Kiểm tra một gói, hay thông báo thu hồi: không cần mạng, không cần cơ sở dữ liệu, không mở gói ra đĩa.

    Mã thoát: 0 là nguyên vẹn; 1 là có phần bị sửa, thêm, bớt; 3 là không thấy gì sai nhưng chưa đủ để khẳng
    định (chưa đưa chứng thư gốc, hoặc chưa có dấu thời gian).

    Ví dụ: kiemtin bundle verify kiemtin-000012.zip --ca goc.pem --tsa-ca tsa.pem
    """
    from evidence.verify import Anchors
    from evidence.verify import verify as check

    verdict = check(file, Anchors(_roots(ca), _roots(tsa_ca)))
    if as_json:
        findings = [vars(one) for one in verdict.findings]
        said = {"state": verdict.state, "manifest_sha256": verdict.manifest_sha256, "findings": findings}
        typer.echo(json.dumps(said, ensure_ascii=False, indent=1))
    else:
        table = Table("phần", "kết quả", "vì sao")
        for one in verdict.findings:
            table.add_row(escape(one.part), _SIGNS[one.state], escape(one.message))
        out.print(table)
        if verdict.manifest_sha256:
            say(f"SHA-256 của SHA256SUMS: {verdict.manifest_sha256}")
        say(_ENDS[verdict.state])
    raise typer.Exit(_CODES[verdict.state])


def show(file: File) -> None:
    """Cho xem một gói nói gì: đề nghị, bài, chuỗi lưu giữ. Không kiểm tra gì; dùng verify để tin."""
    from evidence.custody import steps_of
    from evidence.verify.bag import content, opened

    with opened(file) as bag:
        name = next((one for one in ("record.json", "recall.json") if one in bag.names), None)
        if name is None:
            say("Không có record.json: đây không phải gói chứng cứ.")
            raise typer.Exit(1)
        about: dict[str, Any] = json.loads(content(bag, name))
        steps = steps_of(content(bag, "custody.jsonl")) if "custody.jsonl" in bag.names else []
        sizes = [(part, bag.size(part)) for part in bag.names]
    facts = Table(show_header=False, title=escape(file.name), title_justify="left")
    post = about.get("post", {})
    for label, value in (
        ("đề nghị", about.get("referral")),
        ("lập lúc", about.get("built_at")),
        ("bởi", about.get("built_by")),
        ("địa chỉ", post.get("url")),
        ("bài", str(post.get("text", ""))[:300]),
        ("thu hồi vì", about.get("reason")),
        ("niêm phong", (about.get("sealed") or {}).get("reason")),
    ):
        if value:
            facts.add_row(label, escape(str(value)))
    out.print(facts)
    custody = Table("lúc", "việc", "ai", "về", title="Chuỗi lưu giữ", title_justify="left")
    for step in steps:
        custody.add_row(step["at"][:19], step["what"], escape(step["who"]), escape(step["subject"]))
    out.print(custody)
    parts = Table("phần", "byte")
    for part, size in sizes:
        parts.add_row(escape(part), str(size))
    out.print(parts)


def receipt(
    referral: Number,
    words: Annotated[str, typer.Argument(metavar="BIÊN_NHẬN", help="Số, ngày, người nhận.")],
    by: By,
) -> None:
    """Ghi biên nhận của bên nhận: đề nghị chuyển sang đã nhận.

    Ví dụ: kiemtin bundle receipt 12 "Số 45/BN ngày 21/11, đ/c Nam nhận" --as lan
    """
    from api import bundles

    house = _ready()
    person = _person(house.records, by)
    with house.records.write() as session:
        bundles.receipt(session, person, referral, words, _now())
    say(f"Đã ghi biên nhận của đề nghị {referral}.")


def recall(
    referral: Number,
    by: By,
    reason: Annotated[str, typer.Option(help="Vì sao thu hồi; ghi vào thông báo gửi bên nhận.")],
    target: Out = None,
) -> None:
    """Thu hồi gói đã gửi (trưởng nhóm) và lập thông báo thu hồi có chữ ký, gửi cho bên nhận.

    Ví dụ: kiemtin bundle recall 12 --as tam --reason "Bài đã được cải chính"
    """
    from api import bundles

    house = _ready()
    person = _person(house.records, by)
    path = bundles.call_back(house.records, person, referral, reason, house.shelf(), _now())
    if target is not None:
        shutil.copyfile(path, target)
    say(f"Đã thu hồi. Thông báo có chữ ký: {escape(str(target or path))}")


def timestamp(
    now: Annotated[bool, typer.Option("--now", help="Hỏi cả những bên chưa tới lượt hỏi lại.")] = False,
) -> None:
    """Xin lại các dấu thời gian còn thiếu và đưa vào gói; phần đã ký không đổi. Đặt vào cron mỗi 10 phút.

    Mã thoát 3 khi còn dấu chưa xin được.
    """
    from evidence import keeping

    house = _ready()
    shelf = house.shelf()
    counts = keeping.restamp(house.records, shelf.tools(), shelf.folder, _now(), now=now)
    say(f"{counts['stamped']} dấu thời gian mới; còn thiếu {counts['waiting']}.")
    raise typer.Exit(3 if counts["waiting"] else 0)


def _ready() -> House:
    house = House(load())
    house.require_ready()
    return house


def _person(records: Records, login: str) -> Person:
    from sqlalchemy import select

    from evidence.errors import BundleError
    from review.permissions import Person
    from store.tables import User
    from store.vocabulary import Role

    with records.read() as session:
        user = session.scalar(select(User).where(User.login == login.strip().lower(), User.active))
    if user is None:
        raise BundleError(f"Không có tài khoản {login!r} đang dùng. Xem: kiemtin user list.")
    return Person(user.id, Role(user.role))


def _roots(path: Path | None) -> Sequence[Certificate]:
    from evidence.sign import read_certificates

    return read_certificates(path) if path is not None else ()


def _now() -> datetime:
    return datetime.now(UTC)
