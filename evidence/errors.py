"""What can go wrong with a bundle; each message says what happened and what to do now."""

from __future__ import annotations


class BundleError(Exception):
    """A bundle cannot be made, or what it needs is not there."""


class NotABundle(BundleError):
    """A file is not laid out as a bundle is; the message names the part. Nothing of it was unpacked."""


class SigningError(BundleError):
    """The department's key or certificate cannot be used."""


class SealingError(BundleError):
    """The certificate of the liaison cannot be used."""
