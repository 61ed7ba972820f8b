"""The WACZ inside a bundle: every file named and hashed, its index true, its moment that of the bundle."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from evidence.errors import NotABundle
from evidence.verify.bag import Bag, Zip, content, inner
from evidence.verify.verdict import Verdict
from evidence.wacz import VERSION

NAME = "pages.wacz"
_PACKAGE, _DIGEST = "datapackage.json", "datapackage-digest.json"


def check(bag: Bag, about: dict[str, Any], verdict: Verdict) -> None:
    """Check the WACZ by itself: others may read it alone, with tools that look less closely."""
    try:
        with inner(bag, NAME) as wacz:
            wrong = list(_wrong(wacz, about))
    except NotABundle as error:
        wrong = [str(error)]
    except (ValueError, KeyError, TypeError) as error:
        wrong = [f"không đọc được: {error}"]
    for one in wrong:
        verdict.broken(NAME, one)
    if not wrong:
        verdict.sound(NAME, "Mọi tệp trong WACZ có tên, khớp mã băm; mục lục chỉ đúng chỗ.")


def _wrong(wacz: Zip, about: dict[str, Any]) -> list[str]:
    for name in (_PACKAGE, _DIGEST):
        if name not in wacz.names:
            return [f"{name}: thiếu trong WACZ."]
    raw = content(wacz, _PACKAGE)
    package, digest = json.loads(raw), json.loads(content(wacz, _DIGEST))
    wrong = []
    if digest != {"path": _PACKAGE, "hash": f"sha256:{hashlib.sha256(raw).hexdigest()}"}:
        wrong.append(f"{_DIGEST}: không khớp {_PACKAGE}.")
    if package.get("wacz_version") != VERSION or package.get("created") != about.get("built_at"):
        wrong.append(f"{_PACKAGE}: phiên bản hoặc ngày lập (created) không phải của gói này.")
    # By the whole path: a file that only ends alike is another file.
    listed = {one["path"]: one for one in package["resources"]}
    for name in sorted(set(wacz.names) - set(listed) - {_PACKAGE, _DIGEST}):
        wrong.append(f"{name}: không có trong {_PACKAGE}, bị thêm vào.")
    for name, one in listed.items():
        if name not in wacz.names:
            wrong.append(f"{name}: có trong {_PACKAGE} nhưng không có trong WACZ.")
            continue
        sha256 = hashlib.sha256()
        for chunk in wacz.chunks(name):
            sha256.update(chunk)
        if one["hash"] != f"sha256:{sha256.hexdigest()}" or one["bytes"] != wacz.size(name):
            wrong.append(f"{name}: không khớp mã băm hoặc độ dài trong {_PACKAGE}.")
    return wrong + ([] if wrong else _misled(wacz))


def _misled(wacz: Zip) -> list[str]:
    """Return what is wrong with the index: lines that lead to no record."""
    warc, wrong = "archive/data.warc.gz", []
    size = wacz.size(warc)
    covered = 0
    for row in content(wacz, "indexes/index.cdxj").decode().splitlines():
        said = json.loads(row.split(" ", 2)[2])
        covered += int(said["length"])
        if said["filename"] != "data.warc.gz" or int(said["offset"]) + int(said["length"]) > size:
            wrong.append(f"indexes/index.cdxj: {said['url']} không có trong {warc}.")
    if covered != size:
        wrong.append(f"indexes/index.cdxj: không kể hết các bản ghi của {warc}.")
    return wrong
