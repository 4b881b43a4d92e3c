"""People of a case's own, so that nothing that came before it or goes on beside it changes what it shows."""

from __future__ import annotations

from collections.abc import Iterator

from nexmo_twisted.sandbox.layer.simulator import SimulatedLayer
from nexmo_twisted.sandbox.layer.webhooks import NoSuch
from nexmo_twisted.sandbox.names import Names

#: Area codes whose numbers 555-0100 to 555-0199 are kept for fiction, as all are.
AREAS = (202, 203, 206, 207, 208, 209, 212, 213, 214, 215)


class Extras:
    """A new Ann, Bob and Cleo, with phones of their own; each joins when first asked for.

    They have the lowest number that is not in use with these names yet: 2 for the first ones, since the visitor's own
    have none. Raises NoSuch when there are a thousand people.
    """

    def __init__(self, layer: SimulatedLayer, names: Names) -> None:
        self._layer = layer
        self._names = names
        number = 2
        while any(f"{name}-{number}" in layer.users for name in ("ann", "bob", "cleo")):
            number += 1
        self._number = number
        self._join("ann")  # so that the number is taken

    def id(self, name: str) -> str:
        """The id of this case's ann, bob or cleo."""
        user = f"{name}-{self._number}"
        if user not in self._layer.users:
            self._join(name)
        return user

    def name(self, name: str) -> str:
        """What that one is called on the page."""
        return self._names.user(self.id(name))

    def phone(self, name: str) -> str:
        """The E.164 digits of that one's phone."""
        identity = self._layer.identity(self.id(name))
        return str(identity["phone_number"]).removeprefix("+")

    def _join(self, name: str) -> None:
        owners = self._names.owners()
        phone = next((digits for digits in _fiction() if digits not in owners), "")
        if not phone:
            raise NoSuch("phone that is free")
        shown = f"{name.title()} {self._number}"
        self._layer.add_user(f"{name}-{self._number}", display_name=shown, phone_number=f"+{phone}")


def _fiction() -> Iterator[str]:
    for area in AREAS:
        for last in range(100):
            yield f"1{area}55501{last:02}"
