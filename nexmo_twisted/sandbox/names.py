"""What people, phones and conversations of the sandbox are called on its page."""

from __future__ import annotations

import phonenumbers

from nexmo_twisted.domain import phones
from nexmo_twisted.sandbox.layer.simulator import SimulatedLayer
from nexmo_twisted.sandbox.layer.webhooks import bare


def readable_number(digits: str) -> str:
    """E.164 digits as people write them: ``+1 201 555 0101``."""
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return digits
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL).replace("-", " ")


class Names:
    """``region`` is the country of phone numbers written without a country code."""

    def __init__(self, layer: SimulatedLayer, region: str) -> None:
        self._layer = layer
        self._region = region
        self._met: dict[str, list[str]] = {}

    def meet(self, digits: str, user_id: str) -> None:
        """That handset is this user's, wherever the service knows it from."""
        users = self._met.setdefault(digits, [])
        if user_id not in users:
            users.append(user_id)

    def user(self, user_id: str) -> str:
        identity = self._layer.users.get(user_id, {})
        full = " ".join(filter(None, (identity.get("first_name"), identity.get("last_name"))))
        return str(identity.get("display_name") or full or user_id)

    def owners(self) -> dict[str, list[str]]:
        """Whose every usable phone is: by its E.164 digits as they are dialled, the ids of its users."""
        owners: dict[str, list[str]] = {}
        for user_id, identity in self._layer.users.items():
            try:
                owners.setdefault(phones.e164(identity.get("phone_number"), self._region), []).append(user_id)
            except phones.BadPhone:
                continue
        dialled = {phones.canonical(digits): digits for digits in owners}
        return owners | {dialled.get(digits, digits): users for digits, users in self._met.items()}

    def handset(self, digits: str) -> str:
        """Whose handset it is, if that is known, else its number."""
        key = phones.canonical(digits)
        owners = {phones.canonical(number): users for number, users in self.owners().items()}
        return self.joined(owners.get(key, [])) or readable_number(digits)

    def joined(self, users: list[str]) -> str:
        """The names of these users."""
        return ", ".join(map(self.user, users))

    def conversation(self, conversation_id: str) -> str:
        """Its name, or those of the people in it."""
        conversation = self._layer.conversations.get(bare(conversation_id))
        if conversation is None:
            return "a conversation"
        name = conversation.metadata.get("conversationName")
        return str(name) if name else self.joined(conversation.participants)
