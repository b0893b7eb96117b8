"""What a live network says, checked by those who do not believe it: a stand-alone verifier, each participant alone, and a naive model."""

from __future__ import annotations

import ast
import asyncio
import random
import subprocess
import sys
from base64 import b64decode
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import msgpack
import pytest
from nacl.exceptions import CryptoError

from devnet.client import Client
from devnet.network import Network, Plan
from ledger.leaves import participant_secret
from ledger.placement import ASSETS, GOVERNANCE
from ledger.views import state_root
from tests import standalone_verifier as verifier
from tests.devnet.live_history import History, extra_wallets
from tests.devnet.stored_log import follow, read_log
from tests.ledger.world import ALICE, MAIN_A
from tests.strategies import Move

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.devnet.stored_log import Log

P = ParamSpec("P")
Asked = TypeVar("Asked")
VERIFIER = Path(verifier.__file__)
LINES_MAX = 150
ROUNDS, EACH = 10, 20
SEED = 24
ABSENT = "bank-a/nobody-4661"
"""Its place lies in one bucket with that of an extra wallet, so that its absence is shown by a present neighbour's key."""
NEIGHBOUR_DIGITS = 4


@dataclass
class Evidence:
    """What was taken from the live network."""

    genesis: str
    chain: bytes
    accounts: dict[str, bytes] = field(default_factory=dict)
    """Account -> proof of it or of its absence."""
    transactions: dict[bytes, bytes] = field(default_factory=dict)
    """tx_id -> proof."""

    @property
    def trusted(self) -> verifier.Trust:
        """What the stand-alone verifier believes."""
        return verifier.trust(self.genesis, self.chain)


def test_the_verifier_is_short_and_stands_alone() -> None:
    """Goal: an outsider's program. Method: count its lines; look at every import."""
    text = VERIFIER.read_text()
    assert len(text.splitlines()) <= LINES_MAX
    imported = {node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for name in node.names}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names | {"msgpack", "nacl"}


@pytest.mark.timeout(240)
async def test_nobody_has_to_believe_a_live_network(tmp_path: Path) -> None:
    """Goal: proofs, views and rules hold on real nodes (invariants 21 and 24, K23).

    Method: 200 random transactions over HTTP to all validators at once, with the naive model asked in the order of the ledger; proofs taken
    from a peer and checked by the stand-alone verifier, whole, altered and cut; then the log of a stopped node, from which each
    participant rebuilds its tree from its own views alone.
    """
    async with Network(Plan(data=tmp_path / "net", validators=4, peers=1, port_base=10200)) as network, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(node.api_url)) for node in network.validators]
        history = History(clients, network.wallet, random.Random(SEED))  # noqa: S311 - a seed that replays
        await history.begin()
        await history.play(ROUNDS, EACH)
        await history.compare_balances()
        evidence = Evidence((network.plan.data / "genesis.json").read_text(), network.wallet.chain)
        await _take(evidence, await stack.enter_async_context(Client(network.named("peer-0").api_url)), history)
        config = network.validators[0].config
    _check_coverage(history)
    _check_proofs(evidence)
    _check_elsewhere(evidence)
    _check_lies(evidence)
    _check_command(evidence, tmp_path)
    log = await asyncio.to_thread(read_log, config)
    _check_slices(log)
    _check_log(log, evidence)


def _check_coverage(history: History) -> None:
    """Insist that the history reached what it is for."""
    assert sum(history.codes.values()) >= ROUNDS * EACH
    assert history.codes[0] >= ROUNDS * EACH // 4
    assert len(history.codes) >= 8, history.codes
    assert history.lapsed >= 1
    kinds = {type(command) for command, receipt in history.final.values() if receipt.code == 0}
    assert len(kinds) == 7, kinds


async def _take(evidence: Evidence, client: Client, history: History) -> None:
    """Ask a peer for proofs: accounts that are there and not there, and transactions of several shapes."""
    await _reach(client, max(history.times))
    for account in (ALICE, MAIN_A, ABSENT, _neighbour(f"account/{MAIN_A}", "bank-b")):
        async with client.session.get(f"{client.url}/v1/accounts/{account}?proof=1") as answer:
            evidence.accounts[account] = b64decode((await answer.json())["proof"])
    for tx_id in _shapes(history):
        async with client.session.get(f"{client.url}/v1/transactions/{tx_id.hex()}?proof=1") as answer:
            evidence.transactions[tx_id] = b64decode((await answer.json())["proof"])


async def _reach(client: Client, height: int) -> None:
    """Wait until a node is final at a height, by its own events."""
    async with client.session.get(f"{client.url}/v1/events?after={height - 1}") as events:
        async for _ in events.content:
            if (await client.status()).height >= height:
                return


def _neighbour(key: str, participant: str) -> str:
    """Account that `participant` does not have, and whose place in any tree begins like that of `key`."""
    digits = _place(key).hex()[:NEIGHBOUR_DIGITS]
    names = (f"{participant}/missing-{number}" for number in range(2_000_000))
    return next(name for name in names if _place(f"account/{name}").hex().startswith(digits))


def _place(key: str) -> bytes:
    return sha256(b"som/key/1" + key.replace("/", "\0", 1).encode()).digest()


def _shapes(history: History) -> Iterator[bytes]:
    """One transaction of each: in effect, refused at a leg, with a code per leg."""
    final = history.final.items()
    yield next(tx_id for tx_id, (command, receipt) in final if receipt.code == 0 and isinstance(command, Move) and not receipt.codes)
    yield next(tx_id for tx_id, (_, receipt) in final if receipt.failed_leg is not None)
    yield next(tx_id for tx_id, (_, receipt) in final if len(set(receipt.codes)) > 1)


def _check_proofs(evidence: Evidence) -> None:
    """Whole proofs are accepted; with any byte changed, one missing, or cut anywhere, they are refused."""
    trusted = evidence.trusted
    for account, proof in evidence.accounts.items():
        _, records = verifier.check_account(trusted, proof, account)
        assert (records[f"account/{account}"] is None) == (account not in (ALICE, MAIN_A))
        _refuse_altered(proof, verifier.check_account, trusted, account)
    for tx_id, proof in evidence.transactions.items():
        assert verifier.check_transaction(trusted, proof, tx_id)[1][0] == tx_id
        _refuse_altered(proof, verifier.check_transaction, trusted, tx_id)


def _refused(check: Callable[P, object], *arguments: P.args, **named: P.kwargs) -> None:
    """Insist on a refusal."""
    with pytest.raises((ValueError, CryptoError), match=r"^"):
        check(*arguments, **named)


def _refuse_altered(proof: bytes, check: Callable[[verifier.Trust, bytes, Asked], object], trusted: verifier.Trust, asked: Asked) -> None:
    """Every position with one bit and with all bits flipped; every length; and something appended."""
    for place in range(len(proof)):
        for flip in (1 << place % 8, 0xFF):
            _refused(check, trusted, proof[:place] + bytes((proof[place] ^ flip,)) + proof[place + 1 :], asked)
        _refused(check, trusted, proof[:place], asked)
    _refused(check, trusted, proof + b"\x00", asked)


def _check_elsewhere(evidence: Evidence) -> None:
    """Refuse true statements about another tree, account, transaction, chain or set of validators."""
    trusted = evidence.trusted
    mine = f"account/{MAIN_A}"
    other = next(name for name in evidence.accounts if name.startswith("bank-b/"))
    tag, finality, tree, slot, [[_, value, path]] = msgpack.unpackb(evidence.accounts[other])
    moved = [tag, finality, tree, slot, [[mine, value, path]]]
    # Bank B's tree really lacks bank A's account, so that everything but the choice of the tree is right.
    assert verifier.tree_root(mine, None, path) == verifier.tree_root(f"account/{other}", None, path)
    for lie in (moved, [tag, finality, "bank-a", slot, moved[4]], [tag, finality, "A", None, moved[4]]):
        _refused(verifier.check_account, trusted, msgpack.packb(lie), MAIN_A)
    present = msgpack.unpackb(evidence.accounts[MAIN_A])
    for lie in ([*present[:2], "bank-b", *present[3:]], [*present[:3], slot, present[4]], [*present[:4], moved[4]]):
        _refused(verifier.check_account, trusted, msgpack.packb(lie), MAIN_A)
    _refused(verifier.check_account, trusted, evidence.accounts[MAIN_A], ALICE)
    first, second, *_ = evidence.transactions
    _refused(verifier.check_transaction, trusted, evidence.transactions[first], second)
    for others in ([(keys[::-1], base) for keys, base in trusted[1]], trusted[1][1:], [([], 0), *trusted[1]]):
        _refused(verifier.check_account, (trusted[0], others), evidence.accounts[MAIN_A], MAIN_A)
    _refused(verifier.trust, evidence.genesis.replace('"protocol": 1', '"protocol": 2'), evidence.chain)


def _check_lies(evidence: Evidence) -> None:
    """Refuse what no flipped byte makes: votes too few, too many, repeated or turned round, wider lengths, absence of what is present."""
    trusted, proof = evidence.trusted, evidence.accounts[ABSENT]
    tag, (header, links, [*subject, votes]), tree, slot, leaves = msgpack.unpackb(proof)
    for wrong in (votes[1:], [*votes, votes[-1]], [votes[0]] * len(votes), votes[::-1], []):
        _refused(verifier.check_account, trusted, msgpack.packb([tag, [header, links, [*subject, wrong]], tree, slot, leaves]), ABSENT)
    _refused(verifier.check_account, trusted, b"\xdc\x00" + bytes((proof[0] & 0x0F,)) + proof[1:], ABSENT)
    path = leaves[0][2]
    here = [name for name in extra_wallets() if _place(f"account/{name}") in [path[1][at : at + 32] for at in range(0, len(path[1]), 32)]]
    assert here
    for name in here:
        denied = [tag, [header, links, [*subject, votes]], tree, slot, [[f"account/{name}", None, path]]]
        _refused(verifier.check_account, trusted, msgpack.packb(denied), name)


def _check_command(evidence: Evidence, folder: Path) -> None:
    """Run the command apart from our packages, so that it can import none of them."""
    for asked, proof in ((ALICE, evidence.accounts[ALICE]), *((tx_id.hex(), proof) for tx_id, proof in evidence.transactions.items())):
        (folder / "proof").write_bytes(proof)
        (folder / "genesis.json").write_text(evidence.genesis)
        (folder / "links").write_bytes(msgpack.packb([]))  # no epoch has ended yet
        arguments = [str(folder / "genesis.json"), str(folder / "links"), str(folder / "proof"), evidence.chain.hex(), asked]
        done = subprocess.run([sys.executable, "-I", str(VERIFIER), *arguments], capture_output=True, text=True, check=True, cwd=folder)
        assert "height" in done.stdout


def _check_slices(log: Log) -> None:
    """Goal: invariant 21: every participant's tree by itself, at every header; together they are the state."""
    slices = {name: follow(name, log.genesis, participant_secret(log.view_key, name), log.told(name)) for name in log.participants()}
    assert all(slices[name] for name in ("bank-a", "bank-b", "operator", "treasury"))
    public = {key: value for key, value in log.state.items() if not any(key in leaves for leaves in slices.values())}
    assert {key: value for leaves in slices.values() for key, value in leaves.items()} | public == log.state
    assert sum(map(len, slices.values())) + len(public) == len(log.state)
    # What no slice has is public, and leads to the other two roots.
    last = log.blocks[-1].header
    assets = {key: value for key, value in public.items() if key.startswith("asset/")}
    governance = {key: value for key, value in public.items() if key not in assets}
    assert {ASSETS: state_root(assets), GOVERNANCE: state_root(governance)} == {ASSETS: last.assets_root, GOVERNANCE: last.governance_root}


def _check_log(log: Log, evidence: Evidence) -> None:
    """Proofs are of blocks of this log; and one more proof, of a block that only a descendant's certificate makes final."""
    headers = {block.header.height: block.header_bytes for block in log.blocks}
    files = {height: (tx_id, msgpack.unpackb(proof)) for tx_id, proof in evidence.transactions.items() for height in [_height(proof)]}
    for height, (_, proof) in files.items():
        assert proof[1][0] == headers[height]
    (tx_id, proof), (_, later) = files[min(files)], files[max(files)]
    links = [headers[height] for height in range(min(files) + 1, max(files) + 1)]
    assert links
    linked = [proof[0], [proof[1][0], links, later[1][2]], *proof[2:]]
    trusted = evidence.trusted
    verifier.check_transaction(trusted, msgpack.packb(linked), tx_id)
    _refuse_altered(msgpack.packb(linked), verifier.check_transaction, trusted, tx_id)
    for wrong in (links[1:], links[:-1], links[::-1], [*links, links[-1]]):
        if wrong != links:
            _refused(verifier.check_transaction, trusted, msgpack.packb([proof[0], [proof[1][0], wrong, later[1][2]], *proof[2:]]), tx_id)


def _height(proof: bytes) -> int:
    height = msgpack.unpackb(msgpack.unpackb(proof)[1][0])[3]
    assert isinstance(height, int)
    return height
