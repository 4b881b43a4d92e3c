"""What messages, notifications, replies and SMS are called: in Redis, outside, and to people.

Ids of platforms and providers are opaque texts. In Redis they become keys of a fixed length: 16 bytes, written as 22
characters of base64url.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha1
from uuid import UUID

#: The namespaces of the keys that are digests (UUIDv5). That of replies also keeps a reply from being posted twice: its
#: key is derived from the provider's id alone, so that even a Redis that lost its memory derives the same.
_MESSAGES = UUID("1f0c9a6e-5c0b-5d3e-8a42-3c1b7f0e9d55")
_REPLIES = UUID("6d64bb34-6f20-5b8c-9e65-29ffb1f3a1a7")

_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: A UUID in any spelling, alone or at the end of a URL.
_ENDS_WITH_UUID = re.compile(rf"(?:[a-z][a-z0-9+.-]*:/.*/)?({_UUID.pattern})", re.IGNORECASE | re.DOTALL)

#: The 85 characters of ASCII that mean nothing in a query, a form, a shell or a log.
_DIGITS = "".join(sorted({chr(code) for code in range(33, 127)} - set("\"%&'+<=>\\")))
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_REFERENCE = 40  # digits of base 85, in which 32 bytes fit exactly


def is_uuid(text: str) -> bool:
    """Whether that is a UUID in its usual form, in lower case."""
    return _UUID.fullmatch(text) is not None


def uuid_in(text: str) -> str:
    """The UUID, in lower case, of an id as people copy it: alone or at the end of a URL; '' when there is none."""
    found = _ENDS_WITH_UUID.fullmatch(text.strip())
    return found[1].lower() if found else ""


def key_of_bytes(raw: bytes) -> str:
    """16 bytes as 22 characters of base64url."""
    return urlsafe_b64encode(raw)[:22].decode()


def bytes_of_key(key: str) -> bytes:
    """The inverse of :func:`key_of_bytes`. ValueError when it is no key."""
    return urlsafe_b64decode(key + "==")


def uuid_key(text: str) -> str:
    """The key of a UUID in its usual form, in lower case; '' for anything else."""
    return key_of_bytes(bytes.fromhex(text.replace("-", ""))) if _UUID.fullmatch(text) else ""


def message_key(message_id: str) -> str:
    """What a message with that id of the chat platform is called in Redis.

    A UUID in lower case is kept as it is; of any other id a digest is kept, which is a UUID as well.
    """
    return uuid_key(message_id) or key_of_bytes(_uuid5(_MESSAGES, message_id))


def uuid_of_key(key: str) -> str:
    """The UUID that the key stands for, in its usual form: :func:`message_key` makes the same key of it, so that it is
    an id of the message for people, whatever the platform calls it."""
    digits = bytes_of_key(key).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def reply_key(message_id: str) -> str:
    """What a reply with that id of the provider is called in Redis."""
    return key_of_bytes(_uuid5(_REPLIES, message_id))


def recipient_hash(user_id: str) -> str:
    """What stands behind the dot in the id of a notification, ``<key of the message>.<this>``: 32 digits of hex."""
    return sha1(user_id.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:32]


def item_name(item_id: str) -> str:
    """What people call the item of a queue: a notification by the UUID of its message, others by their own id."""
    message, _, recipient = item_id.partition(".")
    return uuid_of_key(message) if len(recipient) == 32 else item_id


def reference(item_id: str) -> str:
    """What an item is called outside, in 40 characters of ASCII at most: the id of a notification is longer.

    It consists of two numbers of 128 bits, so that two recipients cannot be made that are taken for one."""
    message, _, recipient = item_id.partition(".")
    if len(recipient) != 32:  # an automatic reply
        return item_id
    number = int(bytes_of_key(message).hex() + recipient, 16)
    pairs = []
    for _ in range(_REFERENCE // 2):  # two digits at a time: this is done for every SMS
        number, pair = divmod(number, len(_PAIRS))
        pairs.append(_PAIRS[pair])
    return "".join(reversed(pairs))


def item_of_reference(text: str) -> str:
    """The inverse of :func:`reference`; what is no reference of a notification stays as it is."""
    if len(text) != _REFERENCE or not set(text) <= set(_DIGITS):
        return text
    number = 0
    for digit in text:
        number = number * len(_DIGITS) + _DIGITS.index(digit)
    if number >> 256:
        return text
    raw = number.to_bytes(32, "big")
    return f"{key_of_bytes(raw[:16])}.{raw[16:].hex()}"


def short_sms_id(message_id: str) -> str:
    """The provider's id of an SMS in few characters: a UUID, as most of them are, in 23 instead of 36."""
    key = uuid_key(message_id)
    return f"~{key}" if key else message_id.encode("utf-8", "replace").decode()


def long_sms_id(short: str) -> str:
    """The inverse of :func:`short_sms_id`."""
    return uuid_of_key(short[1:]) if re.fullmatch(r"~[\w-]{22}", short, re.ASCII) else short


def _uuid5(namespace: UUID, name: str) -> bytes:
    digest = sha1(namespace.bytes + name.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
    return UUID(bytes=digest[:16], version=5).bytes
