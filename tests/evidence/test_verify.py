"""Every tamper is found and its part named; the standard tools say the same."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence import container
from evidence.build import pack, sums_of
from evidence.canonical import pretty
from evidence.custody import chained, steps_of
from evidence.sign import Signer
from evidence.verify import Anchors, State, verify
from kiemtin.demo_authority import Authority, authority, openssl
from tests.evidence.conftest import Ready

Change = Callable[[Path], None]


@pytest.fixture
def folder(ready: Ready, tmp_path: Path) -> Path:
    """The bundle, unpacked."""
    with zipfile.ZipFile(ready.path) as file:
        file.extractall(tmp_path / "goi")
    return tmp_path / "goi"


def names(ready: Ready) -> list[str]:
    with ready.path.open("rb") as file:
        return [part.name for part in container.parts_of(file)]


def found(ready: Ready, path: Path) -> dict[str, str]:
    """Return what is broken, by its part."""
    verdict = verify(path, ready.anchors)
    return {one.part: one.message for one in verdict.findings if one.state == State.BROKEN}


def repack(ready: Ready, folder: Path) -> Path:
    target = folder.parent / "again.zip"
    pack(folder, target)
    return target


def rehash(folder: Path) -> None:
    (folder / "SHA256SUMS").write_bytes(sums_of(folder))


def test_an_untouched_bundle_is_sound_packed_or_not(ready: Ready, folder: Path) -> None:
    for path in (ready.path, folder):
        verdict = verify(path, ready.anchors)
        assert verdict.state == State.SOUND, verdict.findings
        assert verdict.manifest_sha256 == ready.built.manifest_sha256


def test_without_roots_it_stays_open_and_with_others_it_is_broken(ready: Ready, tmp_path: Path) -> None:
    verdict = verify(ready.path)
    assert verdict.state == State.OPEN
    assert {one.part for one in verdict.findings if one.state == State.OPEN} == {
        "SHA256SUMS.p7s",
        "SHA256SUMS.p7s.tsr",
    }
    other = authority(tmp_path / "other", "Ai đó")
    from evidence.sign import read_certificates

    roots = read_certificates(other.of("root.pem"))
    broken = {
        one.part for one in verify(ready.path, Anchors(roots, roots)).findings if one.state == State.BROKEN
    }
    assert broken == {"SHA256SUMS.p7s", "SHA256SUMS.p7s.tsr"}


def test_each_part_flipped_truncated_emptied_or_extended_is_named(ready: Ready, folder: Path) -> None:
    for name in names(ready):
        path = folder / name
        whole = path.read_bytes()
        for said, changed in {
            "flipped": bytes([whole[0] ^ 1]) + whole[1:],
            "flipped within": whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 0x80]) + whole[len(whole) // 2 + 1 :],
            "truncated": whole[:-1],
            "emptied": b"",
            "extended": whole + b"\n",
        }.items():  # fmt: skip
            path.write_bytes(changed)
            assert name in found(ready, folder) or name == "SHA256SUMS", (name, said)
            assert verify(folder, ready.anchors).state == State.BROKEN, (name, said)
        path.write_bytes(whole)
    assert found(ready, folder) == {}


def test_each_part_removed_or_renamed_is_named(ready: Ready, folder: Path) -> None:
    for name in names(ready):
        path = folder / name
        other = path.with_name(f"x{path.name}")
        path.rename(other)
        verdict = verify(folder, ready.anchors)
        assert verdict.state == State.BROKEN, name
        assert f"x{path.name}" in {Path(one.part).name for one in verdict.findings} or name.startswith(
            "SHA256SUMS"
        ), name
        other.unlink()
        verdict = verify(folder, ready.anchors)
        # A date that was taken away cannot be told from one that never came; neither passes for sound.
        assert verdict.state == (State.OPEN if name.endswith(".tsr") else State.BROKEN), name
        assert name in {one.part for one in verdict.findings if one.state != State.SOUND}, name
        _restore(ready, folder, name)


def test_each_part_changed_and_hashed_anew_fails_by_the_signature(ready: Ready, folder: Path) -> None:
    for name in names(ready):
        if name.startswith("SHA256SUMS"):
            continue
        path = folder / name
        whole = path.read_bytes()
        path.write_bytes(whole + b" ")
        rehash(folder)
        assert "SHA256SUMS.p7s" in found(ready, folder), name
        path.write_bytes(whole)
    rehash(folder)
    assert found(ready, folder) == {}


def test_no_byte_of_signature_or_date_is_free(ready: Ready, folder: Path) -> None:
    for name in ("SHA256SUMS.p7s", "SHA256SUMS.p7s.tsr"):
        path = folder / name
        whole = path.read_bytes()
        for at in range(0, len(whole), 11):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            assert name in found(ready, folder), at
        path.write_bytes(whole)


def test_another_who_signs_it_anew_is_not_the_department(ready: Ready, folder: Path, tmp_path: Path) -> None:
    thief = authority(tmp_path / "thief", "Cơ quan thử")
    signer = Signer.load(thief.of("department.pem"), str(thief.of("department.key")))
    (folder / "post/text.txt").write_text("lời khác")
    (folder / "chains/signer.pem").write_bytes(signer.pem)
    rehash(folder)
    (folder / "SHA256SUMS.p7s").write_bytes(signer.sign((folder / "SHA256SUMS").read_bytes()))
    assert set(found(ready, folder)) == {"SHA256SUMS.p7s", "SHA256SUMS.p7s.tsr"}
    # Even who trusts that root sees that another signed than the record names, and that the date is not over it.
    broken = {one.part for one in verify(folder).findings if one.state == State.BROKEN}
    assert broken == {"SHA256SUMS.p7s", "SHA256SUMS.p7s.tsr"}


@pytest.mark.parametrize(
    "name",
    ["ghi-chu", "post/ghi-chu", "archive/post/text.txt", ".an", "SHA256SUMS.bak", "post/SHA256SUMS.p7s"],
)
def test_an_added_file_is_named_dotted_or_not(ready: Ready, folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("thêm")
    assert name in found(ready, folder)
    assert name in found(ready, repack(ready, folder))


def resigned(ready: Ready, folder: Path, by: Authority | None = None) -> None:
    """Hash and sign a changed bundle as the department itself would: what only the inner checks find."""
    own = by or ready.authority
    rehash(folder)
    signer = Signer.load(own.of("department.pem"), str(own.of("department.key")))
    (folder / "SHA256SUMS.p7s").write_bytes(signer.sign((folder / "SHA256SUMS").read_bytes()))
    (folder / "SHA256SUMS.p7s.tsr").unlink(missing_ok=True)


def wacz_changed(folder: Path, change: Callable[[dict[str, bytes]], None], *, rehashed: bool = True) -> None:
    """Change the files of the WACZ; its own hashes are made anew, as one who covers their traces does."""
    path = folder / "pages.wacz"
    with zipfile.ZipFile(path) as file:
        files = {name: file.read(name) for name in file.namelist()}
    change(files)
    if rehashed:
        package = json.loads(files["datapackage.json"])
        for one in package["resources"]:
            if one["path"] in files:
                content = files[one["path"]]
                one["hash"], one["bytes"] = f"sha256:{hashlib.sha256(content).hexdigest()}", len(content)
        files["datapackage.json"] = pretty(package)
        digest = hashlib.sha256(files["datapackage.json"]).hexdigest()
        files["datapackage-digest.json"] = pretty({"path": "datapackage.json", "hash": f"sha256:{digest}"})
    aside = folder.parent / "wacz"
    shutil.rmtree(aside, ignore_errors=True)
    for name, content in files.items():
        (aside / name).parent.mkdir(parents=True, exist_ok=True)
        (aside / name).write_bytes(content)
    container.write(path, [(name, aside / name) for name in files])


def _forge_created(files: dict[str, bytes]) -> None:
    package = json.loads(files["datapackage.json"])
    package["created"] = "2020-01-01T00:00:00+00:00"
    files["datapackage.json"] = pretty(package)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda files: files.update({"README": b"x"}), "README"),
        (
            lambda files: files.update({"other/archive/data.warc.gz": files["archive/data.warc.gz"]}),
            "other/archive",
        ),
        (_forge_created, "created"),
        (lambda files: files.pop("pages/pages.jsonl"), "pages/pages.jsonl"),
        (lambda files: files.update({"indexes/index.cdxj": b""}), "index.cdxj"),
    ],
)
def test_what_py_wacz_lets_pass_inside_the_wacz_is_named(
    ready: Ready, folder: Path, change: Callable[[dict[str, bytes]], None], named: str
) -> None:
    wacz_changed(folder, change)
    assert "pages.wacz" in found(ready, folder)
    # Also when the list is signed anew by the department's own key: the inner check stands alone.
    resigned(ready, folder)
    assert named in found(ready, folder)["pages.wacz"]


def test_other_times_are_named(ready: Ready, folder: Path) -> None:
    record = json.loads((folder / "record.json").read_text())
    for change in ({"built_at": "2030-01-01T00:00:00+00:00"}, {"built_at": "hôm qua"}):
        (folder / "record.json").write_bytes(pretty({**record, **change}))
        resigned(ready, folder)
        assert {"record.json", "SHA256SUMS.p7s"} & set(found(ready, folder)), change
    captures = [{**record["captures"][0], "at": "2029-01-01T00:00:00+00:00"}]
    (folder / "record.json").write_bytes(pretty({**record, "captures": captures}))
    resigned(ready, folder)
    assert "sau khi gói được lập" in found(ready, folder)["record.json"]


def test_a_custody_with_a_step_changed_removed_or_put_in_is_named(ready: Ready, folder: Path) -> None:
    path = folder / "custody.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for changed in (
        [lines[0].replace(b"collected", b"decided"), *lines[1:]], lines[1:], [lines[0], lines[0], *lines[1:]],
        [lines[1], lines[0], *lines[2:]], [],
    ):  # fmt: skip
        path.write_bytes(b"".join(changed))
        resigned(ready, folder)
        assert "custody.jsonl" in found(ready, folder)
    # A chain that was counted anew is sound in itself; the signature holds it.
    path.write_bytes(chained([{**step, "who": "ai đó"} for step in steps_of(b"".join(lines))]))
    rehash(folder)
    assert "SHA256SUMS.p7s" in found(ready, folder)


def rebuilt(
    ready: Ready, target: Path, change: Callable[[zipfile.ZipFile, zipfile.ZipInfo, bytes], None]
) -> Path:
    """Write the bundle with the ordinary library, each part as `change` puts it in."""
    with zipfile.ZipFile(ready.path) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            change(new, info, old.read(info))
    return target


def same(new: zipfile.ZipFile, info: zipfile.ZipInfo, content: bytes) -> None:
    new.writestr(info, content)


def hostile(name: str, content: bytes = b"x", **changes: object) -> Change:
    def write(target: Path) -> None:
        with zipfile.ZipFile(target, "a") as file:
            info = zipfile.ZipInfo(name)
            for key, value in changes.items():
                setattr(info, key, value)
            file.writestr(info, content)

    return write


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (hostile("../../etc/cron.d/x"), "../../etc/cron.d/x"),
        (hostile("/etc/passwd"), "/etc/passwd"),
        (hostile("post\\..\\x"), "post"),
        (hostile("C:/x"), "C:/x"),
        (hostile("post/link", b"/etc/passwd", external_attr=0o120777 << 16), "post/link"),
        (hostile("post/bomb", bytes(10_000_000), compress_type=zipfile.ZIP_DEFLATED), "post/bomb"),
        (hostile("record.json"), "record.json"),
        (hostile("RECORD.json"), "RECORD.json"),
        (hostile("post/dated", date_time=(2026, 11, 20, 3, 0, 0)), "post/dated"),
        (hostile("post/more", extra=b"\x01\x00\x00\x00"), "post/more"),
    ],
)
def test_hostile_archives_are_refused_unopened(
    ready: Ready, tmp_path: Path, change: Change, named: str
) -> None:
    target = tmp_path / "x.zip"
    target.write_bytes(ready.path.read_bytes())
    change(target)
    (finding,) = verify(target, ready.anchors).findings
    assert (finding.state, named in finding.message or "byte" in finding.message) == (State.BROKEN, True), (
        finding
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.zip"]


def test_bytes_before_between_and_after_and_dates_in_the_archive_are_refused(
    ready: Ready, tmp_path: Path
) -> None:
    whole = ready.path.read_bytes()
    target = tmp_path / "x.zip"
    with ready.path.open("rb") as file:
        first = container.parts_of(file)[0]
    dated = whole[:10] + struct.pack("<HH", 1, 0x5D74) + whole[14:]
    for changed in (b"x" + whole, whole + b"x", whole[:-1], whole[: len(whole) // 2], dated, b"", b"PK"):
        target.write_bytes(changed)
        assert verify(target, ready.anchors).state == State.BROKEN
    crc = whole[: first.start] + bytes([whole[first.start] ^ 1]) + whole[first.start + 1 :]
    target.write_bytes(crc)
    assert set(found(ready, target)) == {first.name}
    rebuilt(ready, target, same)
    assert verify(target, ready.anchors).state == State.SOUND
    assert target.read_bytes() == whole


def test_links_in_an_unpacked_folder_are_refused(ready: Ready, folder: Path) -> None:
    (folder / "post/link").symlink_to("/etc/passwd")
    assert "liên kết" in next(iter(found(ready, folder).values()))


def test_coreutils_and_openssl_agree(ready: Ready, folder: Path, tmp_path: Path) -> None:
    """The very commands of VERIFY-en.md, run by the shell; and they too refuse what was changed."""
    for name in ("department-root.pem", "tsa-root.pem", "goc-co-quan.pem", "goc-tsa.pem"):
        shutil.copy(ready.authority.of("root.pem"), folder.parent / name)
    for guide in ("VERIFY-en.md", "VERIFY-vi.md"):
        work = tmp_path / guide
        shutil.copytree(folder, work)
        commands = _commands((folder / guide).read_text())[1:]
        commands = [one.replace("-CAfile ", "-CAfile ../") for one in commands]
        said = [_shell(one, work) for one in commands]
        assert [code for code, _ in said] == [0] * 6
        assert said[0][1].count(": OK") == len(sums_of(folder).splitlines())
        assert said[2][1] == ""
        assert "CMS Verification successful" in said[3][1]
        assert "Verification: OK" in said[4][1]
        assert "Time stamp" in said[5][1]
        (work / "post/text.txt").write_text("lời khác")
        (work / "thua").write_text("thêm")
        rehash_list = commands[0]
        assert _shell(rehash_list, work)[0] != 0
        _shell(commands[1], work)
        assert "thua" in _shell(commands[2], work)[1]
        rehash(work)
        assert _shell(commands[3], work)[0] != 0
        (work / "SHA256SUMS.p7s").write_bytes((work / "SHA256SUMS.p7s").read_bytes() + b"x")
        assert "Verification: OK" not in _shell(commands[4], work)[1]


def test_an_rsa_department_and_two_authorities_verify_alike(ready: Ready, tmp_path: Path) -> None:
    from evidence.build import build
    from evidence.sign import read_certificates
    from tests.evidence.made import BEGUN, confirmed, tools

    own = authority(tmp_path / "rsa", kind="rsa")
    made = tools(ready.referred.archive, own, authorities=("http://a.example/", "http://b.example/"))
    build(ready.referred.given(), confirmed(original_reason=""), made, tmp_path / "g.zip", BEGUN)
    roots = read_certificates(own.of("root.pem"))
    verdict = verify(tmp_path / "g.zip", Anchors(roots, roots))
    assert verdict.state == State.SOUND, verdict.findings
    assert {"SHA256SUMS.p7s.tsr", "SHA256SUMS.p7s.2.tsr"} <= {one.part for one in verdict.findings}
    with zipfile.ZipFile(tmp_path / "g.zip") as file:
        file.extractall(tmp_path / "un")
    done = openssl(
        "ts", "-verify", "-in", tmp_path / "un/SHA256SUMS.p7s.2.tsr", "-data", tmp_path / "un/SHA256SUMS.p7s",
        "-CAfile", own.of("root.pem"),
    )  # fmt: skip
    assert b"Verification: OK" in done.stdout + done.stderr


def test_old_bundles_verify_after_the_department_changed_its_key(ready: Ready, tmp_path: Path) -> None:
    from evidence.build import build
    from evidence.sign import read_certificates
    from tests.evidence.made import BEGUN, confirmed, tools

    # Another key under another root: the greater change of the two.
    new = authority(tmp_path / "new")
    path = tmp_path / "new.zip"
    build(
        ready.referred.given(), confirmed(original_reason=""), tools(ready.referred.archive, new), path, BEGUN
    )
    both = [*read_certificates(ready.authority.of("root.pem")), *read_certificates(new.of("root.pem"))]
    for bundle in (ready.path, path):
        assert verify(bundle, Anchors(both, both)).state == State.SOUND
    assert verify(ready.path, ready.anchors).state == State.SOUND
    assert verify(path, ready.anchors).state == State.BROKEN


def _commands(guide: str) -> list[str]:
    blocks = guide.split("```sh\n")[1:]
    return [line for block in blocks for line in block.split("```")[0].splitlines() if line.strip()]


def _shell(command: str, at: Path) -> tuple[int, str]:
    import subprocess

    done = subprocess.run(["bash", "-c", command], cwd=at, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def _restore(ready: Ready, folder: Path, name: str) -> None:
    with zipfile.ZipFile(io.BytesIO(ready.path.read_bytes())) as file:
        file.extract(name, folder)
