"""A certificate authority and a time-stamping authority made with openssl: for demos and tests alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from evidence.errors import SigningError

_CONFIG = """
[req]
distinguished_name = dn
prompt = no
string_mask = utf8only
utf8 = yes
[dn]
CN = {name}
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[signer]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, nonRepudiation
[sealed]
basicConstraints = critical, CA:FALSE
keyUsage = critical, keyEncipherment
[stamps]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = tsa_own
[tsa_own]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def openssl(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Run openssl; raises `SigningError` with what it said where it fails, or is not there."""
    try:
        done = subprocess.run(  # noqa: S603 our own words
            ["openssl", *map(str, words)],  # noqa: S607 where the machine has it
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise SigningError("Không có lệnh openssl: cài nó (apt-get install openssl) rồi chạy lại.") from error
    if check and done.returncode != 0:
        raise SigningError(f"openssl {words[0]}: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done


@dataclass(frozen=True)
class Authority:
    """The folder holds `root.pem`, `department.pem/.key`, `liaison.pem/.key`, `tsa.pem/.key`."""

    folder: Path

    def of(self, name: str) -> Path:
        """Return a file of the folder."""
        return self.folder / name

    def stamp(self, _authority: str, request: bytes) -> bytes:
        """Answer a request as the TSA does."""
        query, answer = self.folder / "query.tsq", self.folder / "answer.tsr"
        query.write_bytes(request)
        openssl("ts", "-reply", "-config", self.of("openssl.cnf"), "-queryfile", query, "-out", answer)
        return answer.read_bytes()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Give the URL of the TSA, which answers as long as the block lasts."""
        stamp = self.stamp

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = stamp("", self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_words: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def authority(folder: Path, name: str = "Cơ quan thử", kind: str = "ec") -> Authority:
    """Make an authority with everything that a department, its liaison and a TSA need."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "openssl.cnf"
    config.write_text(_CONFIG.format(name=name, folder=folder), encoding="utf-8")
    (folder / "serial").write_text("01")
    _key(folder / "root.key", kind)
    openssl(
        "req",
        "-x509",
        "-new",
        "-key",
        folder / "root.key",
        "-days",
        "3650",
        "-config",
        config,
        "-extensions",
        "root",
        "-utf8",
        "-out",
        folder / "root.pem",
    )
    for who, use, own in (
        ("department", "signer", kind),
        ("liaison", "sealed", "rsa"),
        ("tsa", "stamps", kind),
    ):
        _key(folder / f"{who}.key", own)
        _issue(folder, config, who, use)
    return Authority(folder)


def _key(path: Path, kind: str) -> None:
    how = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    if kind == "ec":
        how = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    openssl("genpkey", *how, "-out", path)
    path.chmod(0o600)


def _issue(folder: Path, config: Path, who: str, use: str) -> None:
    asked = folder / f"{who}.csr"
    openssl(
        "req", "-new", "-key", folder / f"{who}.key", "-subj", f"/CN={who}", "-config", config, "-out", asked
    )
    openssl(
        "x509",
        "-req",
        "-in",
        asked,
        "-CA",
        folder / "root.pem",
        "-CAkey",
        folder / "root.key",
        "-CAcreateserial",
        "-days",
        "3650",
        "-extfile",
        config,
        "-extensions",
        use,
        "-out",
        folder / f"{who}.pem",
    )
