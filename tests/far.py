"""A remote for an archive: a real S3 server on loopback, or a folder that stands for another disk."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

from store.archive import Archive

BUCKET = "kho"


class Store:
    """A real S3 server on loopback, which can go away and come back with what it held."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.options = {"endpoint_url": self.endpoint, "key": "kiemtin", "secret": "bi-mat"}
        self.start()
        self.client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="kiemtin",
            aws_secret_access_key="bi-mat",
        )
        self.ask("reset")
        self.client.create_bucket(Bucket=BUCKET)

    def start(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def ask(self, path: str, data: bytes = b"") -> None:
        url, headers = f"{self.endpoint}/moto-api/{path}", {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(url, data, headers)).close()


@dataclass
class Far:
    """A remote as the tests see it: its URL and options, and its files behind the archive's back."""

    url: str
    options: dict[str, str]
    names: Callable[[], list[str]]
    get: Callable[[str], bytes]
    put: Callable[[str, bytes], object]

    def archive(self, folder: Path, rotate_at: int = 1 << 30) -> Archive:
        return Archive(folder, rotate_at, self.url, self.options)


def s3(store: Store) -> Far:
    client = store.client
    return Far(
        f"s3://{BUCKET}/warc",
        store.options,
        lambda: [
            one["Key"].removeprefix("warc/")
            for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        ],
        lambda name: bytes(client.get_object(Bucket=BUCKET, Key=f"warc/{name}")["Body"].read()),
        lambda name, body: client.put_object(Bucket=BUCKET, Key=f"warc/{name}", Body=body),
    )


def disk(folder: Path) -> Far:
    folder.mkdir()
    return Far(
        folder.as_uri(),
        {},
        lambda: sorted(path.name for path in folder.iterdir()),
        lambda name: (folder / name).read_bytes(),
        lambda name, body: (folder / name).write_bytes(body),
    )
