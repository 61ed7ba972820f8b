"""One record of a WARC file, given as the gzip member in which it lies."""

from __future__ import annotations

import hashlib
import io

from warcio.bufferedreaders import DecompressingBufferedReader
from warcio.recordloader import ArcWarcRecord, ArcWarcRecordLoader

_LOADER = ArcWarcRecordLoader(verify_http=False, arc2warc=False)
_CHUNK = 1 << 20


def record_of(member: bytes) -> ArcWarcRecord:
    """Return the record; its content can be read once. Raises what warcio raises of a broken one.

    Without `ArchiveIterator`, which refers to itself: each would hold its record until the next round of the
    garbage collector, and a page may be large.
    """
    return _LOADER.parse_record_stream(DecompressingBufferedReader(io.BytesIO(member)))


def sha256_of(record: ArcWarcRecord) -> str:
    """Return the SHA-256 (hex) of what the server sent, without holding it."""
    digest, content = hashlib.sha256(), record.content_stream()
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
