"""Nexmo's request signatures: the same rule signs what we send and checks what we receive.

Source: Vonage API documentation, "Signing messages". Which of the methods an account uses is not carried in a
request: both sides agree on it in the account's settings.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from nexmo_twisted.errors import BadRequest, BadSignature

#: What an account can be set to: ``md5hash`` (its default) is a plain hash, the others are HMACs.
METHODS = ("md5hash", "md5", "sha1", "sha256", "sha512")

_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SECONDS = re.compile(r"[0-9]{1,12}")


class MissingSignature(BadSignature):
    """A webhook without any signature: signing is probably not switched on for the account."""


def base_string(params: Mapping[str, str]) -> str:
    """The text that is signed: every parameter but ``sig`` as ``&key=value``, sorted by key.

    Values are decoded text; in them ``&`` and ``=`` count as ``_``. Two different sets of parameters can
    give the same text when keys may hold ``&`` or ``=``, so keys from outside must be checked first
    (:func:`verify` does).
    """
    return "".join(
        f"&{key}={params[key].replace('&', '_').replace('=', '_')}" for key in sorted(params) if key != "sig"
    )


def sign(params: Mapping[str, str], secret: str, method: str) -> str:
    """The lower-case hex signature of these parameters. Raises ValueError for an unknown method."""
    if method not in METHODS:
        raise ValueError("unknown signature method")
    base, key = _bytes(base_string(params)), _bytes(secret)
    if method == "md5hash":
        return hashlib.md5(base + key).hexdigest()  # noqa: S324 - one of Vonage's methods
    return hmac.new(key, base, method).hexdigest()


def signed(params: Mapping[str, str], api_key: str, secret: str, method: str, now: float) -> dict[str, str]:
    """The parameters of a request together with what signs them: key, time (``now``, seconds since the epoch), ``sig``.

    Such a request carries neither the API secret nor an Authorization header.
    """
    whole = {**params, "api_key": api_key, "timestamp": str(int(now))}
    return {**whole, "sig": sign(whole, secret, method)}


def verify(pairs: Sequence[tuple[str, str]], secret: str, method: str, now: float, max_age: float = 72 * 3600) -> None:
    """Check the parameters of one webhook, as decoded pairs in any order.

    ``now`` and ``max_age`` are in seconds. Nexmo documents no limit of age and repeats a webhook for up to
    three days, perhaps with its first time stamp, hence the default; the message id tells repetitions apart.

    Raises MissingSignature without a ``sig``; BadRequest for a repeated key or one outside
    ``[A-Za-z0-9_-]``, since those make the signed text ambiguous; BadSignature when the signature is wrong or
    its time too far from now.
    """
    params = dict(pairs)
    if not params.get("sig"):
        raise MissingSignature("not signed")
    if len(params) != len(pairs):
        raise BadRequest("a parameter is repeated")
    if not all(_KEY.fullmatch(key) for key in params):
        raise BadRequest("a parameter has an invalid name")
    # Compared as bytes: compare_digest refuses text that is not ASCII, and the sender chooses this text.
    if not hmac.compare_digest(_bytes(params["sig"].lower()), _bytes(sign(params, secret, method))):
        raise BadSignature("wrong signature")
    stamp = params.get("timestamp", "")
    if not _SECONDS.fullmatch(stamp):
        raise BadSignature("signed without a timestamp")
    if abs(now - int(stamp)) > max_age:
        raise BadSignature("signature too old, or the clocks differ")


def _bytes(text: str) -> bytes:
    """UTF-8 that does not fail on the lone surrogates which JSON can carry."""
    return text.encode("utf-8", "surrogatepass")
