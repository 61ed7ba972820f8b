"""Puts two thresholds into the text of a policy, where they stand, with every comment kept."""

from __future__ import annotations

import re

import models
from classifier.policy import parse
from classifier.policy_edit import next_version, yaml_text

_CLAIM = re.compile(r"^([^\S\n]+claim:\s*)(?:\{[^}\n]*\}|[\d.]+)", re.MULTILINE)
_VERSION = re.compile(r"^version:.*$", re.MULTILINE)


def revised(text: str, suggest: float, confirm: float) -> str:
    """Return the text of a policy with these thresholds of claims, and the version that follows.

    Raises `models.DataError` for what is no policy, or one whose thresholds are written in another way.
    """
    before = parse(text)
    now, number = _CLAIM.subn(rf"\g<1>{{ suggest: {suggest:g}, confirm: {confirm:g} }}", text, count=1)
    version = yaml_text(next_version(before.version))
    now, versions = _VERSION.subn(lambda _: f"version: {version}", now, count=1)
    after = parse(now) if number and versions else before
    if (after.thresholds.claim.suggest, after.thresholds.claim.confirm) != (suggest, confirm):
        raise models.DataError("Không sửa được ngưỡng claim tại chỗ: hãy sửa bằng tay.")
    return now
