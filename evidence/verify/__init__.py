"""Checks a bundle without a network and without the records that it came from; says of each part what is wrong."""

from evidence.verify.bundle import verify
from evidence.verify.verdict import Anchors, Finding, State, Verdict

__all__ = ["Anchors", "Finding", "State", "Verdict", "verify"]
