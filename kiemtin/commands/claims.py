"""Commands that keep the knowledge base of fact-checked claims: claims."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table

from kiemtin.commands.claim_weights import calibrate
from kiemtin.house import House
from kiemtin.screen import bar, out, say
from kiemtin.settings import load
from store.audit import SYSTEM

if TYPE_CHECKING:
    from store.claim_tables import ClaimVersion

File = Annotated[Path, typer.Argument(metavar="TỆP")]
Id = Annotated[str, typer.Argument(metavar="MÃ", help="Mã của tuyên bố.")]
Reason = Annotated[str, typer.Option(help="Vì sao đổi; ghi vào nhật ký.", show_default=False)]
_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_VERDICTS = {
    "false": "sai", "misleading": "gây hiểu lầm", "unproven": "chưa có bằng chứng", "outdated": "đã cũ",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    known = typer.Typer(help="Các tuyên bố đã kiểm chứng.", no_args_is_help=True)
    known.command(name="import")(bring)
    known.command(name="export")(write)
    known.command(name="list")(listing)
    known.command()(show)
    known.command()(add)
    known.command()(edit)
    known.command()(retire)
    known.command()(calibrate)
    app.add_typer(known, name="claims")


def bring(
    file: File,
    harm: Annotated[
        str,
        typer.Option(help="Tác hại của những ClaimReview không nói thuộc tác hại nào.", show_default=False),
    ] = "",
    errors: Annotated[
        Path | None,
        typer.Option(help="Tệp ghi dòng bị từ chối; mặc định TỆP.errors.jsonl.", show_default=False),
    ] = None,
) -> None:
    """Nhập tuyên bố: mỗi dòng một JSON, hoặc ClaimReview (schema.org) trong JSON-LD, một trang, một feed.

    Tuyên bố đã có mà khác thì thành một phiên bản mới, bản cũ vẫn còn; giống hệt thì không đổi gì. Dòng sai
    được ghi vào tệp lỗi kèm số dòng và lý do, các dòng khác vẫn được nhập. Mã thoát 1 khi có dòng bị từ chối.
    """
    from store import claim_files

    house = _ready()
    with bar("Nhập tuyên bố") as move:
        brought = claim_files.take(house.records, claim_files.read_file(file, harm), SYSTEM, _account(), move)
    refused_file = errors or file.with_name(file.name + ".errors.jsonl")
    lines = [json.dumps(vars(one), ensure_ascii=False) + "\n" for one in brought.refused]
    if lines:
        refused_file.write_text("".join(lines), encoding="utf-8")
    else:
        refused_file.unlink(missing_ok=True)
    table = Table("tuyên bố", "số", title=f"Đã nhập {escape(str(file))}", title_justify="left")
    for name, number in {
        "mới": brought.new, "có phiên bản mới": brought.updated, "không đổi": brought.unchanged,
        "bị từ chối": len(brought.refused),
    }.items():  # fmt: skip
        table.add_row(name, str(number))
    out.print(table)
    for one in brought.refused[:5]:
        say(f"Dòng {one.line}: {escape(one.reason)}")
    if lines:
        say(f"Các dòng bị từ chối: {escape(str(refused_file))}")
        raise typer.Exit(1)


def write(
    file: File,
    retired: Annotated[bool, typer.Option("--retired", help="Cả những tuyên bố đã rút.")] = False,
) -> None:
    """Xuất mọi tuyên bố thành ClaimReview (schema.org, JSON-LD); nhập lại tệp ấy không đổi gì."""
    from store import claim_files, claims
    from store.claim_facts import facts_of

    house = _ready()
    with house.records.read() as session:
        found, _ = claims.find(session, claims.Wanted(retired=None if retired else False), limit=None)
    file.write_text(claim_files.written([facts_of(row) for row in found]), encoding="utf-8")
    say(f"Đã ghi {len(found)} tuyên bố vào {escape(str(file))}.")


def listing(
    words: Annotated[
        str, typer.Argument(metavar="TỪ", help="Từ phải có, có dấu hay không.", show_default=False)
    ] = "",
    harm: Annotated[str, typer.Option(help="Chỉ một tác hại.", show_default=False)] = "",
    retired: Annotated[bool, typer.Option("--retired", help="Chỉ những tuyên bố đã rút.")] = False,
) -> None:
    """Liệt kê các tuyên bố đang dùng."""
    import models
    from store import claims

    house = _ready()
    wanted = claims.Wanted(words, harm, retired=retired)
    with house.records.read() as session:
        found, total = claims.find(session, wanted, limit=None)
    table = Table("mã", "bản", "tuyên bố", "tác hại", "kết luận", "nguồn", "hiệu lực")
    for row in found:
        table.add_row(
            row.claim_id, str(row.version), escape(row.wording), models.labels().name(row.harm),
            _VERDICTS[row.verdict], escape(row.source_name), _span(row),
        )  # fmt: skip
    if total:
        out.print(table)
    say(f"{total} tuyên bố.")


def show(claim: Id) -> None:
    """Cho xem một tuyên bố với mọi phiên bản của nó."""
    import models
    from store import claims

    house = _ready()
    with house.records.read() as session:
        found = claims.versions(session, claim)
    newest = found[0]
    table = Table(show_header=False, title=escape(newest.claim_id), title_justify="left")
    for name, value in (
        ("tuyên bố", newest.wording), ("cách nói khác", "\n".join(newest.paraphrases)),
        ("tiếng Anh", newest.english), ("tác hại", models.labels().name(newest.harm)),
        ("kết luận", _VERDICTS[newest.verdict]), ("đính chính", newest.correction),
        ("nguồn", " · ".join(filter(None, (newest.source_name, newest.source_date, newest.source_url)))),
        ("đã kiểm tra thế nào", newest.note), ("hiệu lực", _span(newest)),
        ("tình trạng", "đã rút" if newest.retired else "đang dùng"),
    ):  # fmt: skip
        table.add_row(name, escape(value))
    out.print(table)
    history = Table("bản", "lúc", "ai", "hiệu lực", "tình trạng", "lý do", "tuyên bố")
    for row in found:
        history.add_row(
            str(row.version), f"{row.at.astimezone(_VIETNAM):%H:%M %d/%m/%Y}", escape(row.by), _span(row),
            "đã rút" if row.retired else "đang dùng", escape(row.reason), escape(row.wording),
        )  # fmt: skip
    out.print(history)


Wording = Annotated[str | None, typer.Option("--claim", help="Lời của tuyên bố.", show_default=False)]
Harm = Annotated[str | None, typer.Option(help="Tác hại: cure, vaccine, situation…", show_default=False)]
Verdict = Annotated[
    str | None, typer.Option(help="Kết luận: false, misleading, unproven, outdated.", show_default=False)
]
Correction = Annotated[str | None, typer.Option(help="Lời đính chính.", show_default=False)]
SourceName = Annotated[str | None, typer.Option("--source", help="Nguồn của đính chính.", show_default=False)]
SourceUrl = Annotated[str | None, typer.Option("--url", help="Địa chỉ của nguồn.", show_default=False)]
SourceDate = Annotated[str | None, typer.Option("--date", help="Ngày của nguồn.", show_default=False)]
Paraphrases = Annotated[
    list[str] | None,
    typer.Option("--paraphrase", help="Một cách nói khác; ghi nhiều lần được.", show_default=False),
]
Note = Annotated[str | None, typer.Option(help="Đã kiểm tra thế nào.", show_default=False)]
Since = Annotated[
    str | None, typer.Option("--valid-from", help="Đúng từ ngày này, NĂM-THÁNG-NGÀY.", show_default=False)
]
Until = Annotated[
    str | None, typer.Option("--valid-until", help="Đúng đến hết ngày này.", show_default=False)
]


def add(
    claim: Id, wording: Wording = None, harm: Harm = None, verdict: Verdict = None,
    correction: Correction = None, source: SourceName = None, url: SourceUrl = None,
    source_date: SourceDate = None, paraphrase: Paraphrases = None, note: Note = None,
    valid_from: Since = None, valid_until: Until = None, reason: Reason = "",
) -> None:  # fmt: skip
    """Thêm một tuyên bố: cần --claim, --harm, --verdict, --correction và --source."""
    from store import claims
    from store.claim_facts import BadClaim, Facts

    given = _given(wording, harm, verdict, correction, paraphrase, note, valid_from, valid_until)
    facts = Facts.from_row({"id": claim, **given, "source": _source(source, url, source_date)})
    house = _ready()
    with house.records.write() as session:
        if claims.newest(session, claim) is not None:
            raise BadClaim(f"Đã có tuyên bố {claim!r}: sửa bằng `kiemtin claims edit {claim}`.")
        claims.save(session, facts, SYSTEM, reason, _account())
    say(f"Đã thêm {escape(claim)}.")


def edit(
    claim: Id, wording: Wording = None, harm: Harm = None, verdict: Verdict = None,
    correction: Correction = None, source: SourceName = None, url: SourceUrl = None,
    source_date: SourceDate = None, paraphrase: Paraphrases = None, note: Note = None,
    valid_from: Since = None, valid_until: Until = None, reason: Reason = "",
) -> None:  # fmt: skip
    """Sửa một tuyên bố: một phiên bản mới, chỉ khác ở những gì được ghi; "" là bỏ trống.

    Từ --valid-from trở đi phiên bản mới thay bản cũ; trước ngày ấy bản cũ vẫn đúng. Không có --valid-from (và
    bản cũ cũng không) thì bản mới thay hẳn bản cũ.
    """
    from store import claims
    from store.claim_facts import Facts, facts_of

    given = _given(wording, harm, verdict, correction, paraphrase, note, valid_from, valid_until)
    house = _ready()
    with house.records.write() as session:
        before = claims.newest(session, claim)
        if before is None:
            raise claims.NoSuchClaim(claim)
        row = facts_of(before).to_row()
        row |= {**given, "source": row["source"] | _source(source, url, source_date)}
        taken = claims.save(session, Facts.from_row(row), SYSTEM, reason, _account())
    say(f"{escape(claim)}: {'có phiên bản mới' if taken == claims.Taken.UPDATED else 'không đổi'}.")


def retire(
    claim: Id,
    reason: Reason = "",
    undo: Annotated[bool, typer.Option("--undo", help="Dùng lại tuyên bố đã rút.")] = False,
) -> None:
    """Rút một tuyên bố: từ nay không bài nào khớp với nó nữa; các phiên bản vẫn được giữ."""
    from store import claims

    house = _ready()
    with house.records.write() as session:
        taken = claims.retire(session, claim, SYSTEM, reason, retired=not undo, account=_account())
    done = "dùng lại" if undo else "rút"
    say(f"Đã {done} {escape(claim)}." if taken == claims.Taken.UPDATED else f"{escape(claim)}: không đổi.")


def _ready() -> House:
    house = House(load())
    house.require_ready()
    return house


def _account() -> str:
    """Return the account of this machine that the command was given from."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _given(
    wording: str | None, harm: str | None, verdict: str | None, correction: str | None,
    paraphrase: list[str] | None, note: str | None, valid_from: str | None, valid_until: str | None,
) -> dict[str, object]:  # fmt: skip
    """Return the parts of a row that were given."""
    row = {
        "claim": wording, "harm": harm, "verdict": verdict, "correction": correction,
        "paraphrases": paraphrase or None, "note": note, "valid_from": valid_from, "valid_until": valid_until,
    }  # fmt: skip
    return {name: value for name, value in row.items() if value is not None}


def _source(name: str | None, url: str | None, day: str | None) -> dict[str, str]:
    return {key: value for key, value in (("name", name), ("url", url), ("date", day)) if value is not None}


def _span(row: ClaimVersion) -> str:
    if row.valid_from is None and row.valid_until is None:
        return "luôn"
    return f"{row.valid_from or '…'} → {row.valid_until or '…'}"
