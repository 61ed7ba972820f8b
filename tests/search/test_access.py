"""How the product signs in to an Elasticsearch with security on, and what it says when it may not."""

from __future__ import annotations

import base64
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from elasticsearch import Elasticsearch

from search.engine import IndexDown, Query, SearchEngine, SearchError
from search.open import open_engine
from tests.elastic import Node, own_node
from tests.kiemtin.program import free_port
from tests.search.test_conformance import DOCUMENTS

pytestmark = pytest.mark.elasticsearch

PASSWORD = "mật-khẩu-thử-9"
# What docs/operator/cluster.md says an account needs, and no more.
ROLE = {
    "cluster": ["monitor"],
    "indices": [
        {
            "names": ["kiemtin-posts*"],
            "privileges": ["create_index", "delete_index", "manage", "read", "write"],
        }
    ],
}


@pytest.fixture(scope="module")
def node(elasticsearch: str) -> Iterator[Node]:
    with own_node(PASSWORD) as made:
        yield made


@pytest.fixture
def admin(node: Node) -> Iterator[Elasticsearch]:
    """A client that may do all; the index is gone afterwards."""
    signed = base64.b64encode(f"elastic:{PASSWORD}".encode()).decode()
    with Elasticsearch(node.url, basic_auth=signed) as client:
        yield client
        for index in client.indices.get(index="kiemtin-posts*", allow_no_indices=True):
            client.indices.delete(index=index)


def use(engine: SearchEngine) -> None:
    """Do all that the product does with an index."""
    assert engine.put(DOCUMENTS) == {}
    engine.refresh()
    assert engine.search(Query("khau trang")).total == 3
    engine.rebuild(lambda: DOCUMENTS)
    engine.delete([1])
    engine.refresh()
    assert engine.count() == len(DOCUMENTS) - 1
    assert len(engine.versions()) == len(engine.fetch([d.post_id for d in DOCUMENTS])) == len(DOCUMENTS) - 1
    engine.close()


def test_a_user_with_the_role_of_the_docs_may_do_all_that_is_needed(node: Node, admin: Elasticsearch) -> None:
    admin.security.put_role(name="kiemtin", **ROLE)
    admin.security.put_user(username="kiemtin", password=PASSWORD, roles=["kiemtin"])
    use(open_engine(node.url, user="kiemtin", password=PASSWORD))


def test_an_api_key_with_that_role_too_and_it_goes_before_a_password(
    node: Node, admin: Elasticsearch
) -> None:
    key = admin.security.create_api_key(name="kiemtin", role_descriptors={"kiemtin": ROLE})
    use(open_engine(node.url, api_key=key["encoded"], user="kiemtin", password="sai"))


def test_user_and_password_may_stand_in_the_address(node: Node, admin: Elasticsearch) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in PASSWORD.encode())
    use(open_engine(node.url.replace("http://", f"http://elastic:{quoted}@")))


@pytest.mark.parametrize(
    "access", [{}, {"user": "elastic", "password": "sai-mat-khau"}, {"api_key": "c2FpOnNhaQ=="}]
)
def test_who_may_not_sign_in_is_told_which_settings_to_look_at(node: Node, access: dict[str, str]) -> None:
    engine = open_engine(node.url, **access)
    with pytest.raises(SearchError, match="KIEMTIN_SEARCH_API_KEY, hoặc KIEMTIN_SEARCH_USER") as told:
        engine.put(DOCUMENTS)
    engine.close()
    assert not isinstance(told.value, IndexDown)
    assert "sai-mat-khau" not in str(told.value)
    assert "c2FpOnNhaQ" not in str(told.value)


def test_one_host_of_several_may_be_away(node: Node, admin: Elasticsearch) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    use(open_engine(f"{away},{node.url}", user="elastic", password=PASSWORD))


@dataclass(frozen=True)
class Tls:
    url: str
    ca_file: Path


@pytest.fixture(scope="module")
def tls(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    """The node behind TLS, with a certificate of a CA of its own."""
    folder = tmp_path_factory.mktemp("tls")
    ca_file, chain = certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    ending = threading.Event()

    def listen() -> None:
        while not ending.is_set():
            with suppress(TimeoutError, OSError):
                client, _ = listener.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    def serve(client: socket.socket) -> None:
        # A client that does not trust the certificate hangs up in the handshake.
        with (
            suppress(OSError),
            context.wrap_socket(client, server_side=True) as secure,
            socket.create_connection(("127.0.0.1", node.port)) as plain,
        ):
            back = threading.Thread(target=pump, args=(plain, secure), daemon=True)
            back.start()
            pump(secure, plain)
            back.join()

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=listen)
    thread.start()
    yield Tls(f"https://127.0.0.1:{listener.getsockname()[1]}", ca_file)
    ending.set()
    thread.join()
    listener.close()


def certificates(folder: Path) -> tuple[Path, Path]:
    """Make a CA, and a certificate of it for 127.0.0.1 with its key in one file."""
    now = datetime.now(UTC)

    def certificate(
        name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey
    ) -> x509.Certificate:
        named = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, n)]) for n in (name, issuer)]
        builder = (
            x509.CertificateBuilder()
            .subject_name(named[0])
            .issuer_name(named[1])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
        )
        if name == issuer:
            usage = x509.KeyUsage(
                True, False, False, False, False, key_cert_sign=True, crl_sign=True,
                encipher_only=False, decipher_only=False,
            )  # fmt: skip
            builder = builder.add_extension(usage, critical=True)
        else:
            host = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([host]), critical=False)
        return builder.sign(signer, hashes.SHA256())

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    ca_file, chain = folder / "ca.crt", folder / "node.pem"
    ca_file.write_bytes(certificate("CA thử", ca_key, "CA thử", ca_key).public_bytes(pem))
    chain.write_bytes(
        certificate("node", key, "CA thử", ca_key).public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ca_file, chain


def test_a_cluster_with_tls_is_trusted_by_its_ca_file(tls: Tls, admin: Elasticsearch) -> None:
    use(open_engine(tls.url, user="elastic", password=PASSWORD, ca_file=str(tls.ca_file)))


def test_a_certificate_that_nothing_vouches_for_is_refused_with_what_to_do(tls: Tls) -> None:
    engine = open_engine(tls.url, user="elastic", password=PASSWORD)
    for ask in (engine.count, lambda: engine.put(DOCUMENTS)):
        with pytest.raises(SearchError, match="KIEMTIN_SEARCH_CA_FILE") as told:
            ask()
        assert not isinstance(told.value, IndexDown)
    engine.close()


@pytest.mark.parametrize("content", [None, "không phải chứng thư"])
def test_a_ca_file_that_is_none_is_said_at_once(tls: Tls, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SearchError, match=r"KIEMTIN_SEARCH_CA_FILE=.* không đọc được"):
        open_engine(tls.url, ca_file=str(path))
