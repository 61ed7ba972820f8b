"""A key on a token signs as one in a file does: SoftHSM stands for the token."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from evidence.errors import SigningError
from evidence.sign import Signer
from kiemtin.demo_authority import Authority, openssl

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
pytestmark = pytest.mark.skipif(
    not MODULE.exists() or shutil.which("softhsm2-util") is None,
    reason="SoftHSM is absent; apt-get install softhsm2, pip install 'kiemtin[pkcs11]'",
)


@pytest.fixture
def token(tmp_path: Path, own_authority: Authority, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of the department's key on a token of its own; the PIN is 1234."""
    pytest.importorskip("pkcs11", reason="python-pkcs11 is absent; pip install 'kiemtin[pkcs11]'")
    config = tmp_path / "softhsm.conf"
    (tmp_path / "tokens").mkdir()
    config.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(config))
    here = {**os.environ, "SOFTHSM2_CONF": str(config)}
    key = tmp_path / "key.pk8"
    openssl("pkcs8", "-topk8", "-nocrypt", "-in", own_authority.of("department.key"), "-out", key)
    for words in (
        ["--init-token", "--free", "--label", "thử", "--so-pin", "4321", "--pin", "1234"],
        ["--import", str(key), "--token", "thử", "--label", "ký", "--id", "01", "--pin", "1234"],
    ):
        subprocess.run(["softhsm2-util", *words], env=here, check=True, capture_output=True)
    return f"pkcs11:token=th%E1%BB%AD;object=k%C3%BD?module-path={MODULE}"


def test_a_key_on_a_token_signs_and_openssl_agrees(
    token: str, own_authority: Authority, tmp_path: Path
) -> None:
    certificate = own_authority.of("department.pem")
    signer = Signer.load(certificate, token, "1234")
    (tmp_path / "list").write_bytes(b"danh sach\n")
    (tmp_path / "list.p7s").write_bytes(signer.sign(b"danh sach\n"))
    said = openssl(
        "cms", "-verify", "-binary", "-inform", "DER", "-in", tmp_path / "list.p7s", "-content", tmp_path / "list",
        "-CAfile", own_authority.of("root.pem"), "-purpose", "any", "-out", tmp_path / "out",
    )  # fmt: skip
    assert b"successful" in said.stderr
    with pytest.raises(SigningError, match="không ký được"):
        Signer.load(certificate, token, "9999").sign(b"x")
    with pytest.raises(SigningError, match="module-path"):
        Signer.load(certificate, "pkcs11:token=x")
