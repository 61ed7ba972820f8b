"""The matcher of the claims as they are now: a process that runs for weeks notices that one was changed."""

from __future__ import annotations

from pathlib import Path

import structlog

from classifier.claims.base import ClaimBase
from classifier.claims.match import ClaimMatcher
from classifier.vectors import Encoder, Kept
from store import claims
from store.records import Records

log = structlog.get_logger("kiemtin.claims")


class Current:
    """Gives the matcher of the claims in the records; where there never was one, of those that ship.

    Every change of a claim raises a number in the records. It is looked at each time the matcher is asked
    for, one indexed row, and another snapshot is made when it has risen: nobody needs to be told, whichever
    process and host the change came from. Vectors are kept in `folder`, so only new wordings are read.
    """

    def __init__(self, records: Records, encoder: Encoder, folder: Path | None = None) -> None:
        self._records = records
        self._encoder = encoder
        self._kept = Kept(encoder, folder)
        self._matcher: ClaimMatcher | None = None

    def matcher(self) -> ClaimMatcher:
        """Return the matcher of the claims as they are at this moment."""
        with self._records.read() as session:
            counter = claims.counter(session)
            if self._matcher is not None and self._matcher.base.counter == counter:
                return self._matcher
            base = ClaimBase.read(session) if counter else ClaimBase.shipped()
        self._matcher = ClaimMatcher(base, self._encoder, kept=self._kept)
        log.info("claims.read", claims=len(base.known), counter=base.counter)
        return self._matcher
