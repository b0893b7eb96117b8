"""`python -m tests.ledger.vectors > tests/vectors/ledger.json`: the bytes of every format and the hashes made from them.

The file is pinned: a change of it is a change of the protocol, and every other implementation has to follow.
"""

from __future__ import annotations

import json
import sys

from ledger.blocks import block_id_of, body_hash, encode_body, header_bytes, view_bytes
from ledger.canonical import encode
from ledger.codec import decode_transaction, signing_bytes
from ledger.conditions import purse_message
from ledger.epochs import epoch_of, set_hash
from ledger.execute import block_key, opening_of, transaction_leaf
from ledger.leaves import Leaves, leaf_key, participant_secret
from ledger.lists import list_root
from ledger.transactions.bodies import HoldBody, Leg, Pay, Settle
from ledger.tree import rebuild_tree, root_of
from ledger.views import salt_of
from tests.ledger.chain import CHAIN, VIEW_KEY, MemoryLedger, finality_of
from tests.ledger.histories import funded
from tests.ledger.samples import BODIES, CONDITIONED, HEADER, RECEIPT, RECORDS, VALIDATORS, transaction
from tests.ledger.test_proofs import SEEDS, state_file, transaction_file


def current() -> dict[str, str]:
    """Return name -> hex of everything that is pinned."""
    found: dict[str, bytes] = {}
    _records(found)
    _transactions(found)
    _conditions(found)
    _block(found)
    _lists_and_trees(found)
    _epochs(found)
    return {name: value.hex() for name, value in sorted(found.items())}


def encodings() -> list[str]:
    """Return the names of those that are canonical MessagePack."""
    return [
        name
        for name in current()
        if name.startswith(("record/", "transaction/", "header", "receipt", "body", "view/", "proof/", "condition/"))
    ]


def _records(found: dict[str, bytes]) -> None:
    for key, record in RECORDS.items():
        kind = key if key.endswith("/next") else key.partition("/")[0] if "contra" not in key else "contra"
        found[f"record/{kind}"] = encode(record)
        blinded, public = (Leaves(tree, view_key=VIEW_KEY, height=7) for tree in ("bank-a", "G"))
        blinded.put(key, record)
        public.put(key, record)
        found[f"place/{kind}"] = leaf_key(key)
        found[f"leaf/{kind}/blinded"] = blinded.hashes[leaf_key(key)] or b""
        found[f"leaf/{kind}/public"] = public.hashes[leaf_key(key)] or b""


def _transactions(found: dict[str, bytes]) -> None:
    for name in BODIES:
        raw = transaction(name)
        tx = decode_transaction(raw)
        found |= {f"transaction/{name}": raw, f"tx_id/{name}": tx.tx_id, f"whole/{name}": tx.raw_id, f"ref_id/{name}": tx.ref_id}
        found[f"signed/{name}"] = signing_bytes(tx.tx_id)
    found["txleaf"] = transaction_leaf(decode_transaction(transaction("pay")), RECEIPT, opening_of(block_key(VIEW_KEY, 0, 9), 0))
    found["body"] = encode_body([transaction("pay"), transaction("void")])
    found["hash of body"] = body_hash(found["body"], view_key=VIEW_KEY, epoch=0, view=9)
    found["header"] = header_bytes(HEADER)
    found["block_id"] = block_id_of(header_bytes(HEADER))
    found["receipt"] = encode(RECEIPT)
    found["secret"] = participant_secret(VIEW_KEY, "bank-a")
    found["salt"] = salt_of(found["secret"], view_bytes(0, 9))


def _conditions(found: dict[str, bytes]) -> None:
    """Pin bodies and records of holds with a condition, what shows that it is met, and what a device signs."""
    for name, body in CONDITIONED.items():
        found[f"condition/{name}"] = encode(body)
    found["purse/message"] = purse_message(CHAIN, bytes(32), 7, "bank-b/x1", 1_250)


def _block(found: dict[str, bytes]) -> None:
    ledger: MemoryLedger = funded()
    until = ledger.time_ms + 60_000
    hold = ledger.sign(
        HoldBody("bank-a/settlement", "bank-b/settlement", "KGS", 70, 0, until, "bank-b", "bank-b", "none", "escrow"), sender="bank-a"
    )
    legs = (Leg("bank-a/settlement", "bank-b/w1", "KGS", 12, 0, "one"), Leg("bank-a/settlement", "bank-c/w1", "KGS", 13, 0, "two"))
    paid = ledger.sign(Pay(legs, "atomic", "GOODS", None, "memo", None, None), sender="bank-a")
    block = ledger.block(hold, paid, ledger.sign(Settle(hold.tx_id, 30, b""), sender="bank-b"))
    found["block/header"], found["block/chain"] = block.bytes, CHAIN
    for participant, views in block.result.views.items():
        found |= {f"view/{participant}/{index}": view for index, view in enumerate(views)}
        found[f"journal/{participant}"] = block.result.journal_roots[participant]
    found |= {f"root/{tree}": root for tree, root in block.result.roots.items()}
    finality = finality_of([block], SEEDS)
    found["proof/account"] = state_file(ledger, finality, "bank-a", ["account/bank-a/settlement", "balance/bank-a/settlement/KGS"])
    found["proof/absence"] = state_file(ledger, finality, "bank-c", ["account/bank-c/nobody"])
    found["proof/asset"] = state_file(ledger, finality, "A", ["asset/KGS"])
    found["proof/transaction"] = transaction_file(block, finality, 1)


def _epochs(found: dict[str, bytes]) -> None:
    """Pin a set and its hash; and a boundary header, the finality of it, and the set that it begins."""
    found["set"] = encode((3, VALIDATORS))
    found["set/hash"] = set_hash(3, VALIDATORS)
    ledger = MemoryLedger(length=2)
    ledger.block()
    block = ledger.block()
    found["boundary/header"] = block.bytes
    found["boundary/set"] = encode((1, epoch_of(ledger.state, 1).validators))
    found["boundary/finality"] = encode(finality_of([block], SEEDS))


def _lists_and_trees(found: dict[str, bytes]) -> None:
    places = [leaf_key(f"account/bank-a/{number}") for number in range(700)]
    for count in (0, 1, 2, 3, 5, 8, 700):
        found[f"list/{count}"] = list_root(places[:count])
    for count in (0, 1, 2, 32, 33, 700):
        found[f"tree/{count}"] = root_of(rebuild_tree((place, place[::-1]) for place in places[:count]))


if __name__ == "__main__":
    json.dump(current(), sys.stdout, indent=0)
    sys.stdout.write("\n")
