"""Checks a bundle without a network and without records; says of each part what is wrong with it."""

from evidence.verify.bundle import verify
from evidence.verify.verdict import Anchors, Finding, State, Verdict

__all__ = ["Anchors", "Finding", "State", "Verdict", "verify"]
