"""What attestors say, made of the ledger's records: byte-identical everywhere, every field executed (B3), nothing outside its time."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.attest import SIGNING, Point, checkpoint_of, domain_of, mint_auth_of, pending, reserve_of, rotation_of
from bridge.digests import Domain, digest
from bridge.errors import FieldOutOfRange
from ledger.bridges import Attestor, BridgeRoute, Lock, Rotation, lock_id_of
from tests.ledger.bridge_world import BRIDGE, ROUTE, ROUTE_ID, VAULT, attestors_of, terms_of

AT = Point(120, bytes([5] * 32), 1_800_000_000_999)
ROUTE_RECORD = BridgeRoute(
    id=ROUTE,
    terms=terms_of(),
    issuer="operator",
    status="active",
    reason="",
    epoch=3,
    attestors=attestors_of("bank-a", "bank-b", "operator", "treasury"),
    rotated_ms=1,
    locks=7,
    locked=5_000,
    refunded=300,
    burns=2,
    burned=900,
    released=800,
    minted=4_000,
    out_full_ms=0,
    in_full_ms=0,
    day="",
    day_out=0,
    day_in=0,
)
LOCK = Lock(
    route=ROUTE,
    nonce=7,
    lock_id=lock_id_of(ROUTE_ID, 7, 400, 5_000, bytes([9] * 20)),
    sender="bank-a/main",
    recipient=bytes([9] * 20),
    amount=400,
    cumulative=5_000,
    height=119,
    sign_from_ms=1_800_000_000_000,
    deadline=1_800_000_600,
    refund_to="bank-a/main",
    vault=VAULT,
    state="locked",
    votes=(),
    foreign_tx=b"",
)


def test_a_checkpoint_says_the_totals_of_the_record_and_of_nothing_else() -> None:
    """Goal: it is the locked-supply attestation. Method: field by field; another record, another digest."""
    made = checkpoint_of(ROUTE_RECORD, AT)
    assert (made.route_id, made.set_epoch, made.lock_count, made.cumulative_locked, made.cumulative_refunded) == (
        ROUTE_ID,
        3,
        7,
        5_000,
        300,
    )
    assert (made.ledger_height, made.ledger_block_hash, made.issued_at) == (120, AT.block_id, 1_800_000_000)
    first = digest(domain_of(ROUTE_RECORD.terms), made)
    for changed in (replace(ROUTE_RECORD, locked=5_001), replace(ROUTE_RECORD, refunded=301), replace(ROUTE_RECORD, epoch=4)):
        assert digest(domain_of(changed.terms), checkpoint_of(changed, AT)) != first


def test_b3_a_mint_covers_every_field_of_its_lock() -> None:
    """Goal: nothing that is executed is left out. Method: each field of the lock that a mint executes, changed, is another digest."""
    domain = domain_of(ROUTE_RECORD.terms)
    first = digest(domain, mint_auth_of(ROUTE_RECORD, LOCK, AT))
    changes = ({"nonce": 6}, {"lock_id": bytes(32)}, {"recipient": bytes([8] * 20)}, {"amount": 401}, {"deadline": 1_800_000_601})
    assert all(digest(domain, mint_auth_of(ROUTE_RECORD, replace(LOCK, **change), AT)) != first for change in changes)
    with pytest.raises(AssertionError, match="is to be minted"):
        mint_auth_of(ROUTE_RECORD, replace(LOCK, nonce=8), AT)


@pytest.mark.parametrize(
    "lock",
    [
        replace(LOCK, state="minted"),
        replace(LOCK, state="expired"),
        replace(LOCK, state="refunded"),
        replace(LOCK, sign_from_ms=AT.time_ms + 1),
        replace(LOCK, deadline=AT.time_ms // 1_000 - 1),
        replace(LOCK, nonce=8),
    ],
    ids=["minted", "expired", "refunded", "b7 waits", "b5 too late", "younger than the record"],
)
def test_a_lock_is_signed_in_its_time_only(lock: Lock) -> None:
    """Goal: B5, B7. Method: the lock that is signed, and each reason why it is not."""
    assert [each.nonce for each in pending(ROUTE_RECORD, (LOCK,), AT)] == [7]
    assert pending(ROUTE_RECORD, (lock,), AT) == ()


@pytest.mark.parametrize("status", ["proposed", "active", "paused_out", "paused_in", "halted", "retired"])
def test_attestors_sign_while_the_route_is_open(status: str) -> None:
    """Goal: a halt stops signatures; a pause of new locks does not strand those that are there. Method: every status, and observed mode."""
    route = replace(ROUTE_RECORD, status=status)
    assert len(pending(route, (LOCK,), AT)) == (status in SIGNING)
    assert pending(replace(ROUTE_RECORD, terms=terms_of(mode="observed")), (LOCK,), AT) == ()


def test_locks_are_signed_in_order_whatever_order_they_come_in() -> None:
    """Goal: the same everywhere. Method: three locks, shuffled."""
    locks = [replace(LOCK, nonce=nonce) for nonce in (7, 2, 5)]
    assert [each.nonce for each in pending(ROUTE_RECORD, locks, AT)] == [2, 5, 7]


def test_b9_a_rotation_names_the_set_in_ascending_order_with_its_threshold() -> None:
    """Goal: the contract takes it. Method: sorted addresses, floor(2n/3) + 1, epoch and height of the record."""
    rotation = Rotation(4, tuple(Attestor(bytes([9 - at] * 20), f"bank-{at}") for at in range(5)), immediate=True, height=99, signatures=())
    made = rotation_of(ROUTE_RECORD, rotation)
    assert made.attestors == tuple(bytes([number] * 20) for number in (5, 6, 7, 8, 9))
    assert (made.threshold, made.new_epoch, made.ledger_height, made.immediate) == (4, 4, 99, True)


def test_a_reserve_statement_has_what_its_signers_counted() -> None:
    """Goal: the second bound. Method: totals of the record, balance as counted."""
    made = reserve_of(ROUTE_RECORD, 3_900, AT)
    assert (made.cumulative_released, made.vault_balance, made.issued_at) == (800, 3_900, 1_800_000_000)


def test_a_tron_route_is_signed_with_addresses_as_contracts_know_them() -> None:
    """Goal: TIP-712 is EIP-712 without 0x41. Method: bridge and recipient with the prefix; an address of another length is refused."""
    terms = terms_of(kind="TVM", bridge=b"\x41" + BRIDGE, chain_id=728126428)
    route = replace(ROUTE_RECORD, terms=terms)
    assert domain_of(terms) == Domain(728126428, BRIDGE)
    assert mint_auth_of(route, replace(LOCK, recipient=b"\x41" + bytes([9] * 20)), AT).recipient == bytes([9] * 20)
    with pytest.raises(FieldOutOfRange, match="20 bytes"):
        domain_of(terms_of(bridge=b""))
