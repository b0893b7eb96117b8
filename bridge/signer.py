"""An attestor's signer: a key, and the memory of what it signed. Nothing is signed that the memory does not hold first (B9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.digests import Domain, Message
    from bridge.keys import SigningKey
    from bridge.marks import Marks


class Signer:
    """Signs for one attestor."""

    def __init__(self, key: SigningKey, marks: Marks) -> None:
        self._key, self._marks = key, marks

    @property
    def address(self) -> bytes:
        """20 bytes by which contracts and routes know the key."""
        return self._key.address

    def sign(self, domain: Domain, message: Message) -> bytes:
        """Return the 65 bytes of the signature; raises as `Marks.promise`."""
        return self._key.sign(self._marks.promise(domain, message))
