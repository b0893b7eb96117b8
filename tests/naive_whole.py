"""The whole model: every type in the order of checks of the specification, what a block does besides, and all that the state has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests import naive_facts as facts
from tests import naive_flows as flows
from tests import naive_money as money
from tests import naive_policies as policies
from tests import naive_registry as registry
from tests import naive_restraint as orders
from tests import naive_rotation as rotation
from tests import naive_sets as sets
from tests import naive_votes as votes
from tests.naive_books import LAST_UNORDERABLE, QUORUM, Books, Plain, Refused, Voices, bank_of, changed, contra_of, over, vault_of
from tests.naive_limits import person, total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Step = Callable[[Books, Plain], None]

WRONG_CHAIN, EXPIRED, DUPLICATE, REF_CONFLICT, TOO_MANY_REFS, BAD_SIGNATURE = 101, 102, 104, 105, 106, 110
MINUTE_MS = 60_000
DO: dict[str, tuple[Step, Step]] = {
    "participant.put": (registry.authorise_participant, registry.perform_participant),
    "keyset.put": (rotation.authorise_keyset, rotation.perform_keyset),
    "holder.put": (registry.authorise_holder, registry.perform_holder),
    "account.open": (registry.authorise_open, registry.perform_open),
    "account.set": (registry.authorise_set, registry.perform_set),
    "grant.put": (policies.authorise_grant, policies.perform_grant),
    "grant.end": (policies.authorise_end, policies.perform_end),
    "propose": (votes.authorise_propose, votes.perform_propose),
    "approve": (votes.authorise_approve, votes.perform_approve),
    "asset.put": (policies.authorise_asset, policies.perform_asset),
    "attest": (facts.authorise_attest, facts.perform_attest),
    "issue": (flows.authorise_issue, flows.perform_issue),
    "redeem": (flows.authorise_redeem, flows.perform_redeem),
    "pay": (money.authorise_pay, money.perform_pay),
    "hold": (flows.authorise_hold, flows.perform_hold),
    "settle": (flows.authorise_settle, flows.perform_settle),
    "void": (flows.authorise_void, flows.perform_void),
    "order.put": (orders.authorise_put, orders.perform_put),
    "order.lift": (orders.authorise_lift, orders.perform_lift),
    "seize": (orders.authorise_seize, orders.perform_seize),
    "param.set": (sets.authorise_param, sets.perform_param),
    "validator.set": (sets.authorise_plan, sets.perform_plan),
}


class Answer(NamedTuple):
    """What becomes of a transaction."""

    code: int
    leg: int | None
    codes: tuple[int, ...]


class Whole(Books):
    """All types on one set of books."""

    chain = b""

    def begin_block(self, now: int, epoch: int) -> None:
        """Let time pass: references and what has lapsed go."""
        self.now, self.epoch, self.in_block = now, epoch, 0
        self.height += 1
        self.refs = {name: used for name, used in self.refs.items() if now < (used[1] + 1) * MINUTE_MS}
        self.late, self.params = False, self.params_now()
        self._sweep()
        self.journal.clear()

    def end_block(self) -> bool:
        """Tell whether the epoch ended."""
        return sets.end_block(self)

    def apply(self, tx: Plain) -> Answer:
        """Answer a transaction."""
        voices = Voices(self, tx.signed)
        act = Plain(
            id=tx.tx_id, sender=tx.sender, type=tx.type, body=tx.body, voices=voices, codes=(), sweep=self.sweep_accounts, steps=self.steps
        )
        mark = len(self.journal)
        try:
            self._admit(tx, voices)
            authorise, perform = self.steps(tx.type, tx.body)
            authorise(self, act)
            voices.refuse_superfluous()
            perform(self, act)
            answer = Answer(0, None, act.codes)
        except Refused as refused:
            self.undo(mark)
            answer = Answer(refused.code, refused.leg, act.codes)
        if not 0 < answer.code <= LAST_UNORDERABLE:
            self.refs[tx.sender, tx.ref] = (tx.tx_id, tx.valid_until // MINUTE_MS)
            self.in_block += 1
        return answer

    @staticmethod
    def steps(type_: str, body: Plain) -> tuple[Step, Step]:
        """Return the two steps of a type: who must agree, and what happens."""
        if type_ == "attest" and body.attestation.kind == "ready":
            return sets.authorise_ready, sets.perform_ready
        if type_ == "attest" and body.attestation.kind == "evidence":
            return sets.authorise_evidence, sets.perform_evidence
        return DO[type_]

    def _admit(self, tx: Plain, voices: Voices) -> None:
        if tx.chain != self.chain:
            raise Refused(WRONG_CHAIN)
        if not self.now <= tx.valid_until <= self.now + self.param("lifetime_ms_max"):
            raise Refused(EXPIRED)
        if not tx.genuine:
            raise Refused(BAD_SIGNATURE)
        coming = votes.brought(tx.body.type, tx.body.inner) if tx.type == "propose" else votes.brought(tx.type, tx.body)
        if coming is not None:
            voices.bring(*coming)
        if "/" in tx.sender:
            account = self.get(f"account/{tx.sender}")
            if account is None or not account.keyset:
                raise Refused(QUORUM)
            voices.need(f"{tx.sender}/{account.keyset}")
        else:
            voices.need(f"{tx.sender}/ops")
        used = self.refs.get((tx.sender, tx.ref))
        if used is not None:
            raise Refused(DUPLICATE if used[0] == tx.tx_id else REF_CONFLICT)
        most = self.param("refs_per_participant_max")
        if len(self.refs) >= most and sum(bank_of(sender) == bank_of(tx.sender) for sender, _ in self.refs) >= most:
            raise Refused(TOO_MANY_REFS)

    # --- what lapses ---------------------------------------------------------------------------------------------------

    def _due(self) -> list[tuple[int, str]]:
        ends: dict[str, int] = {key: each.until for kind in ("hold", "proposal", "return") for key, each in self.tables[kind].items()}
        ends |= {key: each.grant.until for key, each in self.tables["grant"].items()}
        ends |= {key: each.order.until for key, each in self.tables["order"].items() if each.status == "active"}
        for key, each in self.tables["keyset"].items():
            if each.waiting is not None and not each.waiting.objected:
                ends[key] = each.waiting.due
        for key, each in self.tables["asset"].items():
            if each.policy.expires is not None and each.state not in ("expired", "restrained"):
                ends[key] = each.policy.expires.at
        return sorted((until, key) for key, until in ends.items() if over(until, self.now))

    def _sweep(self) -> None:
        written, most, due = 0, self.param("sweep_max"), self._due()
        for until_and_key in due:
            key = until_and_key[1]
            kind, record = key.split("/", maxsplit=1)[0], self.get(key)
            if record is None:
                continue
            written += (3 + bool(record.window)) if kind == "hold" else rotation.leaves(record) if kind == "keyset" else 1
            if written > most and until_and_key != due[0]:
                self.late = True
                return
            if kind == "hold":
                flows.release(self, record)
            elif kind == "keyset":
                rotation.take_effect(self, key.removeprefix("keyset/").rpartition("/")[0], record)
            elif kind == "order":
                orders.lapse(self, record)
            elif kind == "asset":
                emptied = self._sweep_asset(record, (most - written) // 2)
                written += 2 * emptied
                if self.asset(record.policy.code).state not in ("expired", "restrained"):
                    self.late = True
                    return
            else:
                self.put(key, None)

    def _sweep_asset(self, asset: Plain, room: int) -> int:
        """Empty accounts of an asset that has expired, in the order of their ids."""
        if room <= 0:
            return 0
        policy, swept, last, emptied = asset.policy, 0, asset.swept, 0
        vault = vault_of(policy)
        try:
            orders.check_credit(self, policy.expires.budget_line, vault[1] if vault else "")
        except Refused:
            self.put(f"asset/{policy.code}", changed(asset, state="restrained"))
            return 0
        names = sorted(each.id for each in self.tables["account"].values() if each.id > asset.swept)[: room * 10]
        for name in names:
            if emptied == room:
                break
            last, posted = name, self.posted(name, policy.code)
            amount = max(0, posted - orders.kept(self, name, policy.code))
            if amount > 0:
                self.put(f"balance/{name}/{policy.code}", Plain(posted=posted - amount))
                swept, emptied = swept + amount, emptied + 1
        ended = len(names) < room * 10 and emptied < room
        if vault is not None:
            for name, code, amount in (
                (contra_of(policy), policy.code, swept),
                (vault[0], vault[1], -swept),
                (policy.expires.budget_line, vault[1], swept),
            ):
                self.put(f"balance/{name}/{code}", Plain(posted=self.posted(name, code) + amount))
        state = "expired" if swept == asset.supply else "restrained" if ended else asset.state
        fresh = changed(asset, supply=asset.supply - swept, redeemed=asset.redeemed + swept, swept=last, state=state)
        self.put(f"asset/{policy.code}", fresh)
        return emptied

    def sweep_accounts(self, *names: str) -> None:
        """Free the lapsed holds of accounts that a transaction touches, while the block's sweep is behind."""
        if self.late:
            for hold in list(self.tables["hold"].values()):
                if hold.source in names and over(hold.until, self.now):
                    flows.release(self, hold)

    # --- what the state must be ----------------------------------------------------------------------------------------

    def records(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Every record but references, with the sums that the ledger keeps in them."""
        for kind, table in self.tables.items():
            if kind not in ("account", "balance", "limit"):
                for key, record in table.items():
                    yield key, vars(record)
        counts: dict[str, int] = {}
        for hold in self.tables["hold"].values():
            counts[hold.source] = counts.get(hold.source, 0) + 1
        for key, account in self.tables["account"].items():
            yield key, vars(account) | {"holds": counts.get(account.id, 0)}
        yield from self._balances()
        yield from self._limits()

    def _balances(self) -> Iterator[tuple[str, dict[str, object]]]:
        held: dict[str, int] = {}
        for hold in self.tables["hold"].values():
            key = f"balance/{hold.source}/{hold.asset}"
            held[key] = held.get(key, 0) + hold.left + hold.fee_left
        sums: dict[str, tuple[int, int]] = {}
        for key, record in self.tables["balance"].items():
            yield key, {"posted": record.posted, "held": held.get(key, 0)}
            _, bank, _, code = key.split("/")
            before = sums.get(f"total/{bank}/{code}", (0, 0))
            sums[f"total/{bank}/{code}"] = (before[0] + record.posted, before[1] + held.get(key, 0))
        for key, (posted, all_held) in sums.items():
            yield key, {"posted": posted, "held": all_held}

    def _limits(self) -> Iterator[tuple[str, dict[str, object]]]:
        people = sorted({person(self, each.id) for each in self.tables["account"].values() if each.kind == "wallet"} - {""})
        nothing = Plain(day="", day_out=0, month="", month_out=0)
        for who in people:
            for asset in self.tables["asset"].values():
                key = f"limit/{who}/{asset.policy.code}"
                yield key, {"total": total(self, who, asset.policy.code), **vars(self.get(key) or nothing)}
