"""What can go wrong in the bridge, one class per fact."""

from __future__ import annotations


class BridgeError(Exception):
    """The world's fault: a value, an answer or a contract that the bridge does not accept."""


class ConfigUnusable(BridgeError):
    """The configuration of a process cannot be read, or asks for what is not there."""

    def __init__(self, *, path: str, reason: str) -> None:
        super().__init__(f"the configuration {path} is not usable: {reason}")


class FieldOutOfRange(BridgeError):
    """A field does not fit the width that the contract gives it."""

    def __init__(self, *, field: str, given: str, needed: str) -> None:
        super().__init__(f"{field} is {given}, must be {needed}")
        self.field, self.given, self.needed = field, given, needed


class UnknownInterface(BridgeError):
    """A contract answered, reverted or logged with something that its ABI does not name."""

    def __init__(self, *, what: str, given: str) -> None:
        super().__init__(f"the ABI has no {what} {given}")
        self.what, self.given = what, given


class ArtifactBroken(BridgeError):
    """A committed artifact of the contracts cannot be read; rebuild it with bridge/contracts/build."""

    def __init__(self, *, name: str, reason: str) -> None:
        super().__init__(f"artifact {name} cannot be read: {reason}; rebuild it with bridge/contracts/build")
        self.name, self.reason = name, reason


class ChainUnreachable(BridgeError):
    """A node of the public chain does not answer, or answers with an error of its own."""

    def __init__(self, *, url: str, reason: str) -> None:
        super().__init__(f"the node at {url} did not answer as it should: {reason}")
        self.url, self.reason = url, reason


class TransactionRefused(BridgeError):
    """A contract reverted the transaction."""

    def __init__(self, *, what: str, data: bytes) -> None:
        super().__init__(f"{what} was refused by the contract: {data.hex() or 'no reason given'}")
        self.what, self.data = what, data


class WrongChain(BridgeError):
    """The node belongs to another chain than the plan names."""

    def __init__(self, *, given: int, needed: int) -> None:
        super().__init__(f"the node's chain id is {given}, the plan says {needed}: nothing was sent")
        self.given, self.needed = given, needed


class KeyUnusable(BridgeError):
    """A key cannot be read or used."""

    def __init__(self, *, path: str, reason: str) -> None:
        super().__init__(f"the key {path} cannot be used: {reason}")
        self.path, self.reason = path, reason


class KeyFileExists(BridgeError):
    """A key was to be written where something is."""

    def __init__(self, *, path: str) -> None:
        super().__init__(f"{path} exists, and a key is never written over: name another")
        self.path = path


class MarksMissing(BridgeError):
    """There is no memory of what this key signed: it never signs again, or it could contradict itself."""

    def __init__(self, *, path: str, reason: str) -> None:
        super().__init__(
            f"the signer's marks {path} {reason}: what this key signed is unknown, so it signs no more; have the route take a new attestor "
            "key (bridge.set), and make its marks with it"
        )
        self.path, self.reason = path, reason


class MarksExist(BridgeError):
    """Marks were to be made where some are."""

    def __init__(self, *, path: str) -> None:
        super().__init__(f"{path} exists: marks are made once, with their key; never remove or restore them")
        self.path = path


class NotAboveMark(BridgeError):
    """A message contradicts what this key signed, or is older."""

    def __init__(self, *, what: str, key: int, mark: int) -> None:
        super().__init__(f"{what} {key} is not signed: this key signed something else for it, or has signed up to {mark} already")
        self.what, self.key, self.mark = what, key, mark


class OtherContract(BridgeError):
    """A route is to be signed for another contract than before; a contract that is deployed again is another route (B2)."""

    def __init__(self, *, route_id: bytes) -> None:
        super().__init__(f"route {route_id.hex()} names another contract or chain than when this key first signed: nothing is signed")
        self.route_id = route_id


class NotFinal(BridgeError):
    """A block was asked for that is not final yet; a loop waits for it."""

    def __init__(self, *, number: int, final: int) -> None:
        super().__init__(f"block {number} is not final yet; the newest final block is {final}")
        self.number, self.final = number, final


class ProvidersDiffer(BridgeError):
    """Nodes of one chain tell different things of what is final: one of them is wrong, and nobody here knows which (B6)."""

    def __init__(self, *, what: str, urls: tuple[str, str]) -> None:
        super().__init__(f"{urls[0]} and {urls[1]} differ on {what}: this attestor stops until they agree again; find out which one lies")
        self.what, self.urls = what, urls


class FinalityBroken(BridgeError):
    """A block that was final is another one now: the chain was reorganised past its finality (B6)."""

    def __init__(self, *, number: int, was: bytes, now: bytes) -> None:
        super().__init__(f"block {number} was final as {was.hex()} and is {now.hex()} now: the chain was reorganised past its finality")
        self.number, self.was, self.now = number, was, now


class StateGone(BridgeError):
    """What a contract said at a final block cannot be asked any more of these nodes; the next common block is as good."""

    def __init__(self, *, number: int, reason: str) -> None:
        super().__init__(f"the state at block {number} cannot be had: {reason}")
        self.number, self.reason = number, reason


class PriceTooHigh(BridgeError):
    """A transaction would cost more than the operator allows; it is sent once prices fall, or the limit is raised."""

    def __init__(self, *, needed: int, allowed: int) -> None:
        super().__init__(f"the chain asks {needed} for it, allowed are {allowed} (smallest units of the chain's coin): nothing was sent")
        self.needed, self.allowed = needed, allowed


class ModuleUnusable(KeyUnusable):
    """A token's PKCS#11 library cannot be loaded or set going."""

    def __init__(self, *, module: str, reason: str) -> None:
        super().__init__(path=f"behind {module}", reason=f"that library cannot be used ({reason}); see `module` under [key]")


class TokenMissing(KeyUnusable):
    """No token of that label, or several."""

    def __init__(self, *, place: str, found: int, there: str) -> None:
        super().__init__(path=place, reason=f"{found} tokens have that label (there are: {there or 'none'}); see `token` under [key]")


class PinRefused(KeyUnusable):
    """A token refused its PIN, or was not asked because it would lock. Nobody but a person tries again: tokens lock after a few."""

    def __init__(self, *, place: str, reason: str) -> None:
        super().__init__(path=place, reason=reason)


class KeyNotFound(KeyUnusable):
    """A token has not exactly one key of that label, private and public."""

    def __init__(self, *, place: str, private: int, public: int) -> None:
        found = f"the token has {private} private and {public} public keys of that label, one of each is needed"
        super().__init__(path=place, reason=f"{found}; see `label` under [key], or make one (som bridge new-key --pkcs11)")


class WrongCurve(KeyUnusable):
    """A key of a token is not of secp256k1, or its public point is not whole."""

    def __init__(self, *, place: str, given: str) -> None:
        super().__init__(path=place, reason=f"it is {given}, not a key of secp256k1 with an uncompressed point")


class TokenFault(KeyUnusable):
    """A token did not do what it was asked: its session was lost, or it was taken away."""

    def __init__(self, *, place: str, reason: str) -> None:
        super().__init__(path=place, reason=f"the token answers {reason}")


class SignatureWrong(KeyUnusable):
    """A token gave something else than this key's signature: it is not let out."""

    def __init__(self, *, place: str) -> None:
        super().__init__(path=place, reason="the token gave what is no signature of this key: nothing of it is used; see its maker")
