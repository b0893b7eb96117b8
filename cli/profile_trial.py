"""A ledger of nobody's, in memory, on which a profile is tried: its transactions run by the real rules before anybody signs one.

Everybody whom the profile names exists there with new keys, the operator's root needs two, and whatever the asset locks is there too.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cli.times import now_ms
from ledger.assets import vault_of
from ledger.codec import decode_transaction, make_envelope, sign_transaction, signing_bytes
from ledger.errors import BY_CODE, LedgerError
from ledger.genesis import chain_id, first_records
from ledger.indexes import derive_indexes
from ledger.keys import verify
from ledger.names import OPERATOR, servicer_of
from ledger.parameters import BlockContext, Parameters
from ledger.state import Overlay
from ledger.transactions import apply_transaction
from ledger.transactions.bodies import AccountOpen, AssetPut, Attest, GrantPut
from node.plan import AccountPlan, AssetPlan, GrantPlan, KeysetPlan, NodePlan, ParticipantPlan, Plan
from node.provision import draft, fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cli.profile_document import Fault, Source
    from cli.profile_terms import Planned, Profile
    from ledger.grants import Grant
    from ledger.state import Record, UsedRef
    from ledger.transactions.bodies import Transaction
    from ledger.tree import Tree

OPS, BOARD = "ops", "board"
ROOT_QUORUM = (f"{OPERATOR}/{BOARD}", f"{OPERATOR}/{OPS}")
VALID_MS = 60_000
SALT_BYTES = 16


def try_profile(source: Source, profile: Profile) -> list[Fault]:
    """Carry a profile out on a ledger of nobody's; return what the rules refuse, with its line."""
    trial = Trial(profile)
    faults: list[Fault] = []
    for step in (*profile.steps, *profile.facts):
        if step in profile.facts and faults:
            break
        refused = trial.carry_out(step)
        if refused:
            faults.append(source.fault(step.path, f"the ledger would refuse this ({step.about}): {refused}"))
    return faults


class Trial:
    """The state, and everybody's keys."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        plan, secrets = fill(_plan(profile))
        self.seeds = secrets.keysets
        now = now_ms()
        genesis = draft(plan, secrets.view_key, time_ms=now - VALID_MS)
        self.context = BlockContext(chain_id(genesis), 0, 1, 1, now, Parameters())
        records = first_records(genesis)
        self.overlay = Overlay(_Memory({**records, **derive_indexes(records.items())}))

    def carry_out(self, step: Planned) -> str:
        """Carry one transaction out, signed by everybody whom it needs; return why it is refused, else nothing."""
        sender = step.sender
        envelope = make_envelope(
            chain=self.context.chain,
            sender=sender,
            ref=os.urandom(SALT_BYTES).hex(),
            valid_until=self.context.time_ms + VALID_MS,
            salt=os.urandom(SALT_BYTES),
            body=step.body,
        )
        names = [(member.partition("/")[0], member.partition("/")[2]) for member in sorted({f"{sender}/{OPS}", *self._agreeing(step)})]
        try:
            signers = [(owner, keyset, self.seeds[owner, keyset][0]) for owner, keyset in names]
            tx = decode_transaction(sign_transaction(envelope, signers))
            outcome = apply_transaction(self.overlay, tx, self.context, _verified)
        except LedgerError as refusal:
            return str(refusal)
        return f"{outcome.code} {BY_CODE[outcome.code].name}, {outcome.detail}" if outcome.code else ""

    def _agreeing(self, step: Planned) -> tuple[str, ...]:
        """Keysets that agree beside the sender's."""
        match step.body:
            case AssetPut(policy=policy):
                return (f"{policy.issuer}/{OPS}", *ROOT_QUORUM)
            case GrantPut():
                return ROOT_QUORUM
            case Attest(attestation=said):
                given = [each.body.grant for each in self.profile.steps if isinstance(each.body, GrantPut)]
                mine = next((each for each in given if each.permission == "attest.reserve" and each.to == said.by), None)
                return mine.need.of[: mine.need.m] if mine is not None and mine.need is not None else ()
            case _:
                return ()


class _Memory:
    """A first state in memory (`ledger.state.StateReader`)."""

    def __init__(self, records: dict[str, Record]) -> None:
        self.records = records
        self.used: dict[bytes, UsedRef] = {}

    def get(self, key: str) -> Record | None:
        return self.records.get(key)

    def scan(self, start: str, end: str, limit: int) -> list[str]:
        return sorted(key for key in self.records if start <= key < end)[:limit]

    def used_ref(self, ref_id: bytes) -> UsedRef | None:
        return self.used.get(ref_id)

    def tree(self, name: str) -> Tree:
        raise AssertionError(f"a trial proves nothing, yet tree {name} was asked for")

    def participants(self) -> Iterator[str]:
        return iter(sorted(key.partition("/")[2] for key in self.records if key.startswith("participant/")))


def _verified(tx: Transaction) -> bool:
    return all(verify(one.public_key, signing_bytes(tx.tx_id), one.signature) for one in tx.signatures)


def _plan(profile: Profile) -> Plan:
    """Network of one validator with everybody whom the profile names."""
    members = {f"{OPERATOR}/{OPS}", *ROOT_QUORUM, *(f"{name}/{OPS}" for name in _named(profile))}
    members |= {member for grant in _given(profile) if grant.need for member in grant.need.of}
    keysets: dict[str, list[str]] = {}
    for member in sorted(members):
        owner, _, keyset = member.partition("/")
        keysets.setdefault(owner, []).append(keyset)
    participants = tuple(
        ParticipantPlan(owner, "operator" if owner == OPERATOR else "bank", keysets=tuple(KeysetPlan(name) for name in names))
        for owner, names in keysets.items()
    )
    policy = profile.policy
    vault = vault_of(policy)
    opened = [step.body.id for step in profile.steps if isinstance(step.body, AccountOpen)]
    line = policy.expires.budget_line if policy.expires is not None else ""
    return Plan(
        name="trial",
        participants=participants,
        nodes=(NodePlan("trial", "validator", OPERATOR),),
        assets=(AssetPlan(vault[1], policy.decimals, OPERATOR),) if vault is not None else (),
        accounts=(AccountPlan(line),) if line and line not in opened else (),
        grants=(
            GrantPlan("trial:root", OPERATOR, "root", need_m=len(ROOT_QUORUM), need_of=ROOT_QUORUM),
            *(GrantPlan(f"trial:{owner}", owner, "wallet", participant=owner) for owner in keysets),
        ),
        devnet=True,
    )


def _given(profile: Profile) -> Iterable[Grant]:
    return (step.body.grant for step in profile.steps if isinstance(step.body, GrantPut))


def _named(profile: Profile) -> set[str]:
    """Participants that the profile names."""
    found = {profile.policy.issuer, *(step.sender for step in (*profile.steps, *profile.facts))}
    if profile.policy.expires is not None:
        found.add(servicer_of(profile.policy.expires.budget_line))
    for grant in _given(profile):
        found |= {grant.to, *grant.lifted_by, *([grant.scope.participant] if grant.scope.participant else [])}
    return found
