"""From a genesis document to the records of the first state, by the ledger's own rules.

What a transaction could not do, the document cannot either: names, keys, quorums, duties and limits pass through the same functions.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import UnsetType

from ledger.accounts import Account
from ledger.assets import FeeRule, Policy, new_asset
from ledger.commit import EmptyState
from ledger.epochs import VALIDATORS_MIN, Epoch, Readiness, Validator, ViewKey, epoch_key, validator_key, view_key_key
from ledger.errors import BadKeyset, Exists, LedgerError, NoAccount, NoAsset, NoParticipant, NotEligible, WrongKind
from ledger.genesis_document import GenesisError
from ledger.genesis_policies import NOTHING_MORE, expiry_of, limits_of, reserve_of
from ledger.grant_rules import check_root, conflict_of, grant_key
from ledger.grants import DEBIT, Grant, GrantRecord, Need, Quota, Scope
from ledger.holders import Holder, Pseudonym, holder_key, pseudonym_key
from ledger.indexes import put_indexed
from ledger.keysets import BOX_ROLE, CONSENSUS_ROLE, NODE_ROLE, check_keyset_form, check_lasting, check_sorted, move_keys
from ledger.names import OPERATOR, check_account_id, servicer_of
from ledger.parameters import is_parameter, load_parameters, parameter_records
from ledger.participants import Key, Keyset, Participant
from ledger.recovery import record_of, write_keyset
from ledger.state import Overlay
from ledger.transactions.accounts import OPENABLE
from ledger.transactions.forms import check_grant, check_not_reserved, check_participant, check_policy
from ledger.transactions.governance_forms import check_endpoint
from ledger.transactions.grants import ROOT
from ledger.transactions.people_forms import check_tier
from ledger.vaults import check_expiry, check_reserve, put_asset_accounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.genesis_document import Genesis, GenesisAccount, GenesisAsset, GenesisGrant, GenesisKeyset, GenesisParticipant
    from ledger.genesis_policies import GenesisHolder
    from ledger.state import Record


def found_records(genesis: Genesis) -> dict[str, Record]:
    """Make the records of the first state, by storage key, index keys left out.

    Raises
    ------
    GenesisError
        A rule of the ledger is broken; names the place in the document.
    """
    founding = _Founding(genesis)
    founding.establish()
    return {key: record for key, record in founding.overlay.changes.items() if record is not None and key[0] != "~"}


@contextmanager
def _at(path: str) -> Iterator[None]:
    """Say a refusal within about a place of the document."""
    try:
        yield
    except LedgerError as error:
        raise GenesisError(str(error), path=path) from None


class _Founding:
    """The first state while it is made, in an order in which each part finds what it names."""

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        self.overlay = Overlay(EmptyState())

    def establish(self) -> None:
        genesis = self.genesis
        self._put_parameters()
        for index, participant in enumerate(genesis.participants):
            self._put_participant(participant, f"$.participants[{index}]")
        self._check_operator()
        for index, _ in enumerate(genesis.validators):
            self._put_validator(index)
        self._put_view_key()
        for index, asset in enumerate(genesis.assets):
            self._put_asset(asset, f"$.assets[{index}]")
        for index, holder in enumerate(genesis.holders or ()):
            self._put_holder(holder, f"$.holders[{index}]")
        for index, account in enumerate(genesis.accounts):
            self._put_account(account, f"$.accounts[{index}]")
        for index, asset in enumerate(genesis.assets):
            with _at(f"$.assets[{index}].policy.expires"):
                check_expiry(self.overlay, policy_of(asset), genesis.time_ms)
        for index, grant in enumerate(genesis.grants):
            self._put_grant(grant, f"$.grants[{index}]")
        with _at("$.grants"):
            check_root(self.overlay, genesis.time_ms)

    def _put_parameters(self) -> None:
        for name, value in self.genesis.params.items():
            path = f"$.params.{name}"
            if not is_parameter(name):
                raise GenesisError("no parameter is called so in this version", path=path)
            try:
                records = parameter_records({name: value})
            except ValueError as error:
                raise GenesisError(str(error), path=path) from None
            for key, record in records.items():
                self.overlay.put(key, record)
        parameters = load_parameters(self.overlay)
        if len(self.genesis.participants) > parameters.participants_max:
            raise GenesisError(f"at most {parameters.participants_max} are allowed", path="$.participants")
        if len(self.genesis.assets) > parameters.assets_max:
            raise GenesisError(f"at most {parameters.assets_max} are allowed", path="$.assets")

    def _put_participant(self, document: GenesisParticipant, path: str) -> None:
        overlay = self.overlay
        participant = Participant(
            id=document.id,
            kind=document.kind,
            name=document.name,
            bic=document.bic,
            lei=document.lei,
            country=document.country,
            status="active",
            successor="",
            node_keys=_keys(document.node_keys),
            box_keys=_keys(document.box_keys),
            endpoints=document.endpoints,
        )
        with _at(path):
            check_participant(participant)
            if overlay.get("participant/" + participant.id) is not None:
                raise Exists(subject=f"participant {participant.id}")
            move_keys(overlay, participant.id, NODE_ROLE, (), participant.node_keys)
            move_keys(overlay, participant.id, BOX_ROLE, (), participant.box_keys)
            overlay.put("participant/" + participant.id, participant)
        for index, keyset in enumerate(document.keysets):
            with _at(f"{path}.keysets[{index}]"):
                if overlay.get(f"keyset/{participant.id}/{keyset.name}") is not None:
                    raise Exists(subject=f"keyset {participant.id}/{keyset.name}")
                self._put_keyset(participant.id, keyset)

    def _put_keyset(self, owner: str, document: GenesisKeyset) -> None:
        keys = tuple(Key(bytes.fromhex(key.public_key), key.not_after) for key in document.keys)
        keyset = Keyset(document.name, document.m, keys, "", 0)
        check_keyset_form(keyset)
        check_lasting(owner, keyset, self.genesis.time_ms)
        write_keyset(self.overlay, owner, None, record_of(keyset))

    def _check_operator(self) -> None:
        for index, participant in enumerate(self.genesis.participants):
            if (participant.kind == "operator") != (participant.id == OPERATOR):
                raise GenesisError(f"the one participant of kind operator is called {OPERATOR}", path=f"$.participants[{index}].kind")
        if self.overlay.get("participant/" + OPERATOR) is None:
            raise GenesisError(f"there must be a participant {OPERATOR}", path="$.participants")

    def _put_validator(self, index: int) -> None:
        document = self.genesis.validators[index]
        path = f"$.validators[{index}]"
        with _at(path):
            participant = self._existing(document.participant)
            consensus_key, node_key = bytes.fromhex(document.consensus_key), bytes.fromhex(document.node_key)
            if node_key not in participant.node_keys:
                raise GenesisError(f"{participant.id} has not registered this node key", path=path + ".node_key")
            if any(document.node_key == other.node_key for other in self.genesis.validators[:index]):
                raise GenesisError("another validator has this node key", path=path + ".node_key")
            check_endpoint(document.endpoint)
            move_keys(self.overlay, participant.id, CONSENSUS_ROLE, (), (consensus_key,))
            key_hash = bytes.fromhex(self.genesis.view_key.hash)
            self.overlay.put(validator_key(consensus_key), Readiness(participant.id, consensus_key, node_key, 0, 0, key_hash, 0))

    def _put_view_key(self) -> None:
        genesis = self.genesis
        if len(genesis.validators) < VALIDATORS_MIN and not genesis.devnet:
            raise GenesisError(f"fewer than {VALIDATORS_MIN} validators are for a devnet only", path="$.validators")
        validators = tuple(
            Validator(each.participant, bytes.fromhex(each.consensus_key), bytes.fromhex(each.node_key), each.endpoint)
            for each in genesis.validators
        )
        self.overlay.put(epoch_key(0), Epoch(0, 0, load_parameters(self.overlay).epoch_length, validators, 0))
        sealed = genesis.view_key.sealed
        with _at("$.view_key.sealed"):
            check_sorted([copy.box_key for copy in sealed], "the sealed copies (by box key)")
        receiving: dict[str, None] = {}
        for index, copy in enumerate(sealed):
            owner = next((each.id for each in genesis.participants if copy.box_key in each.box_keys), None)
            if owner is None:
                raise GenesisError("no participant has registered this box key", path=f"$.view_key.sealed[{index}].box_key")
            receiving[owner] = None
        for index, validator in enumerate(genesis.validators):
            if validator.participant not in receiving:
                reason = f"no copy of the view key is sealed for {validator.participant}: its validator could judge no block"
                raise GenesisError(reason, path=f"$.validators[{index}]")
        copies = tuple((bytes.fromhex(copy.box_key), bytes.fromhex(copy.sealed)) for copy in sealed)
        self.overlay.put(view_key_key(0), ViewKey(bytes.fromhex(genesis.view_key.hash), copies))

    def _put_asset(self, document: GenesisAsset, path: str) -> None:
        policy = policy_of(document)
        with _at(path):
            check_policy(policy)
            self._existing(policy.issuer)
            check_reserve(self.overlay, policy)
            if self.overlay.get("asset/" + policy.code) is not None:
                raise Exists(subject=f"asset {policy.code}")
            put_asset_accounts(self.overlay, policy, "open")
            put_indexed(self.overlay, "asset/" + policy.code, new_asset(policy))

    def _put_account(self, document: GenesisAccount, path: str) -> None:
        with _at(path):
            check_account_id(document.id)
            check_not_reserved(document.id)
            self._existing(servicer_of(document.id))
            if self.overlay.get("account/" + document.id) is not None:
                raise Exists(subject=f"account {document.id}")
            if document.kind not in OPENABLE:
                raise WrongKind(subject=document.id, kind=document.kind, action="an account in genesis")
            if document.keyset is not None:
                self._put_keyset(document.id, document.keyset)
            name = document.keyset.name if document.keyset else ""
            pseudonym = self._pseudonym_of(document)
            put_indexed(self.overlay, "account/" + document.id, Account(document.id, document.kind, pseudonym, name, "open", (), 0))

    def _pseudonym_of(self, document: GenesisAccount) -> bytes:
        """Pseudonym of a wallet; empty where it has none."""
        if isinstance(document.pseudonym, UnsetType):
            return b""
        if document.kind != "wallet":
            raise WrongKind(subject=document.id, kind=document.kind, action="the account of a person")
        pseudonym = bytes.fromhex(document.pseudonym)
        if self.overlay.get(pseudonym_key(servicer_of(document.id), pseudonym)) is None:
            raise NotEligible(account=document.id, reason="no holder of the document has this pseudonym there")
        return pseudonym

    def _put_holder(self, document: GenesisHolder, path: str) -> None:
        overlay, holder = self.overlay, bytes.fromhex(document.id)
        with _at(path):
            if document.tier:
                check_tier(document.tier)
            if overlay.get(holder_key(holder)) is not None:
                raise Exists(subject=f"holder {document.id}")
            for each in document.pseudonyms:
                self._existing(each.participant)
                key = pseudonym_key(each.participant, bytes.fromhex(each.pseudonym))
                if overlay.get(key) is not None:
                    raise Exists(subject=f"pseudonym {each.pseudonym} of {each.participant}")
                put_indexed(overlay, key, Pseudonym(holder))
            overlay.put(holder_key(holder), Holder(holder, document.tier, document.valid_until, len(document.pseudonyms)))

    def _put_grant(self, document: GenesisGrant, path: str) -> None:
        scope = Scope(document.scope.asset, document.scope.participant, document.scope.account, ())
        quota = None if document.quota is None else Quota(int(document.quota.amount), document.quota.per)
        need = None if document.need is None else Need(document.need.m, document.need.of)
        limits = (document.lifted_by, document.not_before, document.until, document.rank)
        grant = Grant(document.id, document.to, document.permission, scope, quota, need, *limits)
        with _at(path):
            check_grant(grant)
            if grant.permission == DEBIT:
                raise GenesisError("whoever signs the debits of an account lets others take from it, and no document does", path=path)
            if quota is not None and quota.amount == 0:
                raise GenesisError("a quota of 0 allows nothing", path=path + ".quota.amount")
            self._existing(grant.to)
            if scope.participant:
                self._existing(scope.participant)
            if scope.account and self.overlay.get("account/" + scope.account) is None:
                raise NoAccount(account=scope.account)
            if scope.asset and self.overlay.get("asset/" + scope.asset) is None:
                raise NoAsset(asset=scope.asset)
            for member in need.of if need else ():
                owner, _, keyset = member.partition("/")
                if self.overlay.get("keyset/" + member) is None:
                    raise BadKeyset(owner=owner, keyset=keyset, reason="it does not exist")
            if self.overlay.get(grant_key(grant.id)) is not None:
                raise Exists(subject=f"grant {grant.id}")
            conflict = conflict_of(self.overlay, grant)
            if conflict is not None:
                raise conflict
            put_indexed(self.overlay, grant_key(grant.id), GrantRecord(grant, ROOT, "", 0))

    def _existing(self, participant: str) -> Participant:
        record = self.overlay.get("participant/" + participant)
        if not isinstance(record, Participant):
            raise NoParticipant(participant=participant)
        return record


def _keys(hexadecimal: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(map(bytes.fromhex, hexadecimal))


def policy_of(document: GenesisAsset) -> Policy:
    """Policy of an asset as the document says it."""
    more = NOTHING_MORE if isinstance(document.policy, UnsetType) else document.policy
    fees = tuple(
        FeeRule(fee.type, fee.debit_kind, fee.credit_kind, int(fee.fixed), fee.bps, int(fee.min), int(fee.max)) for fee in document.fees
    )
    return Policy(
        code=document.code,
        decimals=document.decimals,
        issuer=document.issuer,
        reserve=document.reserve if isinstance(document.reserve, str) else reserve_of(document.reserve),
        cap=None if document.cap is None else int(document.cap),
        limits=limits_of(more),
        fees=fees,
        queued=more.queued,
        receive=more.receive,
        expires=expiry_of(more),
        powers=document.powers,
        publish=more.publish,
        fixed=document.fixed,
        travel_min=int(more.travel_min),
    )
