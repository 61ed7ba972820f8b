"""One record of a WARC file, read where it lies."""

from __future__ import annotations

import hashlib
from typing import BinaryIO, Literal

from warcio.bufferedreaders import DecompressingBufferedReader
from warcio.recordloader import ArcWarcRecord, ArcWarcRecordLoader

_LOADER = ArcWarcRecordLoader(verify_http=False, arc2warc=False)
_CHUNK = 1 << 20


def record_of(file: BinaryIO, check: Literal["raise", False] = False) -> ArcWarcRecord:
    """Return the record at which `file` stands; its content can be read once, as long as `file` is open.

    Raises `EOFError` when there is none, and what warcio raises of a broken one; to `check` its digests too,
    while the content is read.

    Without `ArchiveIterator`, which refers to itself: each would hold its record until the next round of the
    garbage collector, and a page may be large.
    """
    return _LOADER.parse_record_stream(DecompressingBufferedReader(file), check_digests=check)


def sha256_of(record: ArcWarcRecord) -> str:
    """Return the SHA-256 (hex) of what the server sent, without holding it."""
    digest, content = hashlib.sha256(), record.content_stream()
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
