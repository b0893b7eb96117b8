"""Keys in a token, with a real one (SoftHSM2): what it signs is what contracts take, and what goes wrong is said and costs no PIN (B9)."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import msgspec
import pkcs11
import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from pkcs11 import Attribute, KeyType, ObjectClass, TokenFlag
from pkcs11.types import SignMixin

from bridge.digests import digest
from bridge.errors import (
    ConfigUnusable,
    KeyFileExists,
    KeyNotFound,
    KeyUnusable,
    ModuleUnusable,
    PinRefused,
    SignatureWrong,
    TokenMissing,
    WrongCurve,
)
from bridge.evm_fees import Price
from bridge.evm_node import EvmNode
from bridge.evm_sender import Call, EvmSender, signed_transaction
from bridge.hsm import HsmKey, canonical, closed_to_machines
from bridge.key_config import KeyConfig, open_key, tokens
from bridge.keys import ORDER, FileKey, HsmPlace, recovered
from bridge.marks import Marks
from bridge.signer import Signer
from cli.main import main
from tests.bridge.anvil import Anvil
from tests.bridge.keys import with_high_s
from tests.bridge.softhsm import LABEL, OTHER_PIN, PIN, SoftHsm
from tests.bridge.test_evm import Site
from tests.bridge.test_evm_sender import mint, minted
from tests.bridge.test_signer import CHECKPOINT, DOMAIN, MINT, ROTATION, STATEMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOWHERE = "/proc/som-pin-refused"
"""Where no file is, and none can be written."""
PLACE = HsmPlace("library", LABEL, "attestor", "pin", "refused")


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    """Return a token without keys."""
    monkeypatch.setenv("SOFTHSM2_CONF", "")
    made = SoftHsm(tmp_path)
    yield made
    pkcs11.lib(made.module).finalize()


def test_b9_a_key_of_the_token_signs_what_contracts_take(hsm: SoftHsm, tmp_path: Path) -> None:
    """Goal: as a file's key. Method: made, opened again, each message through the marks; 40 digests, of which the token gives high ones."""
    key = HsmKey.create(hsm.place())
    assert HsmKey(hsm.place()).address == key.address
    signer = Signer(key, Marks.create(tmp_path / "marks", key.address))
    for message in (CHECKPOINT, STATEMENT, MINT, ROTATION):
        made = signer.sign(DOMAIN, message)
        assert recovered(digest(DOMAIN, message), made) == key.address
        assert signer.sign(DOMAIN, message) == made, "though the token draws another nonce"
    assert len({key._raw(bytes(32)) for _ in range(3)}) == 3
    high = 0
    for number in range(40):
        one = bytes([number]) * 32
        assert recovered(one, key.sign(one)) == key.address, "which is None for a high s"
        high += int.from_bytes(key._raw(one)[32:], "big") > ORDER // 2
    assert 0 < high < 40


@pytest.mark.network
def test_b9_a_relayer_pays_with_a_key_of_the_token(hsm: SoftHsm) -> None:
    """Goal: no secret in the memory of a process that pays. Method: both forms, read by eth_account; a mint on a real node."""
    key = HsmKey.create(hsm.place())
    for tip in (None, 1):
        raw = signed_transaction(key, 56, Call(0, Price(10**9, tip), 21_000, bytes(20), b"data"))
        assert Account.recover_transaction(raw).lower() == "0x" + key.address.hex()
    with Anvil(56) as node:
        site = Site(node)
        node.ask("anvil_setBalance", "0x" + key.address.hex(), hex(10**18))
        sender = EvmSender([EvmNode(node.url)], 56, key)
        assert not sender.carry(site.contract, mint(site, 1)).mined
        node.ask("evm_mine")
        assert sender.carry(site.contract, mint(site, 1)).mined
        assert minted(site) == 100


def test_b9_nobody_reads_the_secret_or_takes_it_elsewhere(hsm: SoftHsm) -> None:
    """Goal: made there and stays. Method: ask for the value; a key that somebody made readable is called weak."""
    key = HsmKey.create(hsm.place())
    assert key.weakness == ""
    private = key._private
    assert isinstance(private, SignMixin)
    assert private[Attribute.LOCAL]
    with pytest.raises(pkcs11.AttributeSensitive):
        private[Attribute.VALUE]
    with pytest.raises(KeyFileExists):
        HsmKey.create(hsm.place())
    for number, readable in enumerate((True, False)):
        hsm.restart()
        with_pair(hsm, f"weak-{number}", sensitive=not readable, extractable=not readable)
        assert "would hand the key out" in HsmKey(hsm.place(f"weak-{number}")).weakness
    assert FileKey(bytes(31) + b"\x01").weakness == ""


def with_pair(hsm: SoftHsm, label: str = "attestor", curve: str = "secp256k1", **private: bool) -> None:
    """Make a pair of keys by another tool."""
    session = hsm.token.open(rw=True, user_pin=PIN)
    hsm.make(session, label, curve, **private)
    session.close()


def two_pairs(hsm: SoftHsm) -> None:
    """Make two pairs of one label."""
    with_pair(hsm)
    with_pair(hsm)


def without(hsm: SoftHsm, kind: ObjectClass) -> None:
    """Take one half of a pair away."""
    with_pair(hsm)
    session = hsm.token.open(rw=True, user_pin=PIN)
    for found in list(session.get_objects({Attribute.CLASS: kind})):
        found.destroy()
    session.close()


def of_another_type(hsm: SoftHsm) -> None:
    """Make a pair of RSA."""
    session = hsm.token.open(rw=True, user_pin=PIN)
    session.generate_keypair(KeyType.RSA, 1_024, label="attestor", store=True)
    session.close()


FAULTS: dict[str, tuple[Callable[[SoftHsm], object], dict[str, str], type[KeyUnusable], str]] = {
    "no library": (with_pair, {"module": "/nowhere/lib.so"}, ModuleUnusable, "see `module`"),
    "no PKCS#11": (with_pair, {"module": sys.executable}, ModuleUnusable, "cannot be used"),
    "no token": (with_pair, {"token": "other"}, TokenMissing, "0 tokens have that label .there are: som."),
    "two tokens": (lambda hsm: hsm.add(LABEL), {}, TokenMissing, "2 tokens"),
    "no key": (with_pair, {"label": "other"}, KeyNotFound, "0 private and 0 public"),
    "two keys": (two_pairs, {}, KeyNotFound, "2 private and 2 public"),
    "no private key": (lambda hsm: without(hsm, ObjectClass.PRIVATE_KEY), {}, KeyNotFound, "0 private and 1 public"),
    "no public key": (lambda hsm: without(hsm, ObjectClass.PUBLIC_KEY), {}, KeyNotFound, "1 private and 0 public"),
    "another curve": (lambda hsm: with_pair(hsm, curve="secp256r1"), {}, WrongCurve, "of the curve 06082a8648ce3d030107"),
    "RSA": (of_another_type, {}, WrongCurve, "no key of a curve"),
    "may not sign": (lambda hsm: with_pair(hsm, sign=False), {}, KeyUnusable, "CKA_SIGN"),
    "no PIN": (lambda hsm: hsm.pin_file.write_text("\n"), {}, KeyUnusable, "holds no PIN"),
    "long PIN": (lambda hsm: hsm.pin_file.write_text("1" * 257), {}, KeyUnusable, "holds no PIN"),
    "no PIN file": (lambda hsm: hsm.pin_file.unlink(), {}, KeyUnusable, "cannot be read"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_said_by_its_kind(hsm: SoftHsm, fault: str) -> None:
    """Goal: a typed error with what to look at. Method: one fault after another; none of them costs a PIN."""
    arrange, names, kind, sentence = FAULTS[fault]
    arrange(hsm)
    with pytest.raises(kind, match=sentence):
        HsmKey(hsm.place(**names))
    if fault != "two tokens":
        assert not hsm.had_a_wrong_pin()


def test_two_halves_that_do_not_belong_together_are_refused_when_opened(hsm: SoftHsm) -> None:
    """Goal: not found out at the first lock. Method: the private key of one pair, the public one of another."""
    with_pair(hsm)
    with_pair(hsm, "other")
    session = hsm.token.open(rw=True, user_pin=PIN)
    (theirs,) = session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: "attestor"})
    (ours,) = session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: "other"})
    theirs.destroy()
    ours[Attribute.LABEL] = "attestor"
    session.close()
    with pytest.raises(SignatureWrong):
        HsmKey(hsm.place())


def test_b9_a_refused_pin_is_tried_once_whoever_starts_again(hsm: SoftHsm) -> None:
    """Goal: no restart locks a token. Method: a wrong PIN; the token's own flag tells of further ones; the file mended, and touched."""
    HsmKey.create(hsm.place())
    hsm.restart()
    hsm.pin_file.write_text(OTHER_PIN)
    with pytest.raises(PinRefused, match="refuses the PIN"):
        HsmKey(hsm.place())
    assert hsm.had_a_wrong_pin()
    hsm.somebody_logs_in()
    for _ in range(3):
        with pytest.raises(PinRefused, match="has not changed since"):
            HsmKey(hsm.place())
        with pytest.raises(PinRefused, match="has not changed since"):
            HsmKey.create(hsm.place("another"))
    assert not hsm.had_a_wrong_pin()
    hsm.pin_file.write_text(PIN)
    assert HsmKey(hsm.place()).address


def test_b9_a_refused_pin_that_cannot_be_remembered_is_said(hsm: SoftHsm) -> None:
    """Goal: who starts it again knows. Method: no place for the memory; a memory that cannot be read."""
    hsm.pin_file.write_text(OTHER_PIN)
    with pytest.raises(PinRefused, match="cannot remember"):
        HsmKey(msgspec.structs.replace(hsm.place(), refused_file=NOWHERE))
    with pytest.raises(PinRefused, match="cannot be read"):
        HsmKey(msgspec.structs.replace(hsm.place(), refused_file=str(hsm.folder)))


@pytest.mark.parametrize(
    ("flags", "closed"),
    [
        (TokenFlag.USER_PIN_LOCKED, True),
        (TokenFlag.USER_PIN_FINAL_TRY | TokenFlag.USER_PIN_COUNT_LOW, True),
        (TokenFlag.USER_PIN_COUNT_LOW | TokenFlag.LOGIN_REQUIRED, False),
        (TokenFlag(0), False),
    ],
)
def test_b9_the_last_try_is_left_to_a_person(flags: TokenFlag, *, closed: bool) -> None:
    """Goal: a machine never locks a token. Method: the flags of PKCS#11."""
    assert closed_to_machines(flags) == closed


def test_b9_no_pin_stands_in_a_message_or_on_a_disk(hsm: SoftHsm) -> None:
    """Goal: logs may be shown. Method: all that a wrong PIN leaves: sentence, memory, the key's own parts."""
    parts = repr(vars(HsmKey.create(hsm.place())))
    hsm.restart()
    hsm.pin_file.write_text(OTHER_PIN)
    with pytest.raises(PinRefused) as caught:
        HsmKey(hsm.place())
    left = (hsm.folder / "pin-refused").read_text()
    for text in (str(caught.value), repr(caught.value), parts, left, repr(hsm.place())):
        assert PIN not in text
        assert OTHER_PIN not in text


def test_a_lost_session_is_opened_again_once(hsm: SoftHsm) -> None:
    """Goal: a token that was restarted stops nobody. Method: lost, again and again; then the token is away, and back."""
    key = HsmKey.create(hsm.place())
    for number in range(3):
        hsm.restart()
        one = bytes([number]) * 32
        assert recovered(one, key.sign(one)) == key.address
    away, here = hsm.folder / "away", hsm.folder / "tokens"
    here.rename(away)
    here.mkdir()
    hsm.restart()
    for _ in range(2):
        with pytest.raises(TokenMissing):
            key.sign(b"\xff" * 32)
    here.rmdir()
    away.rename(here)
    assert recovered(b"\xff" * 32, key.sign(b"\xff" * 32)) == key.address


def test_signatures_are_kept_to_a_limit(hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: memory has a bound. Method: a limit of two; the oldest is asked of the token again."""
    monkeypatch.setattr("bridge.hsm.MADE_KEPT", 2)
    key = HsmKey.create(hsm.place())
    made = [key.sign(bytes([number]) * 32) for number in range(3)]
    assert len(key._made) == 2
    assert [key.sign(bytes([number]) * 32) == made[number] for number in (2, 1, 0)] == [True, True, False]


def test_b9_a_pin_that_is_refused_to_a_running_process_is_tried_once(hsm: SoftHsm) -> None:
    """Goal: a loop of signatures does not lock the token. Method: session lost, PIN wrong by now; even where nothing can be remembered."""
    key = HsmKey.create(msgspec.structs.replace(hsm.place(), refused_file=NOWHERE))
    hsm.pin_file.write_text(OTHER_PIN)
    hsm.restart()
    with pytest.raises(PinRefused):
        key.sign(bytes(32))
    assert hsm.had_a_wrong_pin()
    hsm.somebody_logs_in()
    for _ in range(3):
        with pytest.raises(PinRefused):
            key.sign(bytes(32))
    assert not hsm.had_a_wrong_pin()


def test_b9_another_key_in_its_place_is_not_signed_with(hsm: SoftHsm) -> None:
    """Goal: marks are of one key. Method: the pair is destroyed and made anew while the session is lost."""
    key = HsmKey.create(hsm.place())
    session = hsm.token.open(rw=True)
    for found in list(session.get_objects({Attribute.LABEL: "attestor"})):
        found.destroy()
    hsm.make(session)
    hsm.restart()
    for _ in range(2):
        with pytest.raises(KeyUnusable, match="another key"):
            key.sign(bytes(32))


@given(st.integers(1, ORDER - 1), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_b9_nothing_but_the_key_s_signature_leaves_a_token(secret: int, asked: bytes, other: bytes) -> None:
    """Goal: a token that lies is found out. Method: property; its own, the high twin, another digest's, another key's, cut, long, zeros."""
    key = FileKey(secret.to_bytes(32, "big"))
    right = key.sign(asked)
    for raw in (right[:64], with_high_s(right)[:64]):
        assert canonical(PLACE, raw, asked, key.address) == right
    stranger = FileKey((secret % (ORDER - 1) + 1).to_bytes(32, "big"))
    wrong = [stranger.sign(asked)[:64], right[:63], right, b"", bytes(64), right[:32] + b"\xff" * 32, right[:32] + bytes(32)]
    for raw in [*wrong, key.sign(other)[:64]] if other != asked else wrong:
        with pytest.raises(SignatureWrong):
            canonical(PLACE, raw, asked, key.address)


def test_a_configuration_opens_it(hsm: SoftHsm) -> None:
    """Goal: one place that chooses. Method: the key of a token by its configuration."""
    key = HsmKey.create(hsm.place())
    config = KeyConfig(module=hsm.module, token=LABEL, label="attestor", pin_file=str(hsm.pin_file))
    assert open_key(config, hsm.folder).address == key.address


def test_som_makes_one_and_the_doctor_knows_it(hsm: SoftHsm, capsys: pytest.CaptureFixture[str]) -> None:
    """Goal: no tool of somebody else's is needed. Method: new-key, twice; the doctor of its process; a profile that reaches no ledger."""
    folder = hsm.folder / "attestor"
    key = ("--pkcs11", hsm.module, "--token", LABEL, "--label", "attestor", "--pin-file", str(hsm.pin_file))
    assert main(["bridge", "new-key", str(folder), *key, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["address"] == "0x" + HsmKey(hsm.place()).address.hex()
    for folder_again, sentence in ((folder, "marks are made once"), (hsm.folder / "other", "never written over")):
        assert main(["bridge", "new-key", str(folder_again), *key]) == 1
        assert sentence in capsys.readouterr().err
    assert not (hsm.folder / "other/marks").exists()
    assert main(["bridge", "new-key", str(folder), *key[:4]]) == 2
    config = folder / "bridge.toml"
    names = "".join(f'{name} = "{made[name]}"\n' for name in ("module", "token", "label", "pin_file"))
    config.write_text(f'route = "r"\nparticipant = "bank-a"\nfolder = "."\n[chain]\nurls = ["http://127.0.0.1:1"]\n[key]\n{names}')
    profile = folder / "som.toml"
    profile.write_text('nodes = ["http://127.0.0.1:1"]\n')
    assert main(["--config", str(profile), "bridge", "doctor", str(config), "--json"]) == 1
    found = {what: (good, says) for what, good, says in json.loads(capsys.readouterr().out)["found"]}
    assert found["key"] == (True, made["address"])
    assert found["marks"][0]
    hsm.restart()
    hsm.pin_file.write_text(OTHER_PIN)
    assert main(["bridge", "doctor", str(config)]) == 1
    assert "refuses the PIN" in capsys.readouterr().err
    assert (folder / "pin-refused").is_file()


def test_a_missing_library_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: who has a key file needs nothing more. Method: python-pkcs11 taken away."""
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    monkeypatch.delitem(sys.modules, "bridge.hsm")
    with pytest.raises(ConfigUnusable, match="python-pkcs11"):
        tokens()
