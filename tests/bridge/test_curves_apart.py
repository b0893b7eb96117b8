"""B12: Keccak and secp256k1 live in `bridge/` only; the ledger computes SHA-256 and Ed25519, and takes the rest as opaque bytes."""

from __future__ import annotations

import ast
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import msgpack
import pytest

from ledger.bridges import Expiry, Mint, digest_of, lock_id_of
from tests.ledger.bridge_world import BLOCK_HASH, ROUTE_ID, BridgedWorld, burn_of

ROOT = Path(__file__).resolve().parents[2]
CURVES = ("coincurve", "Crypto", "eth_abi", "eth_account", "eth_hash", "eth_keys", "eth_utils", "pyrevm", "sha3", "web3", "bridge")
HASHES = {"keccak", "keccak256", "keccak_256", "sha3_256", "sha3_512"}
LEDGER = """
import sys
import ledger.execute
import ledger.transactions
import node.main
print([name for name in sorted(sys.modules) if name.partition(".")[0] in %r])
"""


@pytest.mark.parametrize("package", ["consensus", "ledger", "node"])
def test_b12_no_module_names_a_curve_or_a_hash_of_the_other_chain(package: str) -> None:
    """Goal: B12. Method: every import and every name in the package's sources."""
    for path in (ROOT / package).rglob("*.py"):
        for one in ast.walk(ast.parse(path.read_text())):
            match one:
                case ast.Import(names=names):
                    named = {each.name.partition(".")[0] for each in names}
                case ast.ImportFrom(module=module, names=names):
                    named = {(module or "").partition(".")[0], *(each.name for each in names)}
                case ast.Attribute(attr=name) | ast.Name(id=name):
                    named = {name} & HASHES
                case _:
                    continue
            assert not named & {*CURVES, *HASHES}, f"{path}:{getattr(one, 'lineno', 0)}"


def test_b12_a_node_runs_without_any_of_it() -> None:
    """Goal: B12, whatever is imported by whom. Method: load the node in a process of its own, and look what came with it."""
    found = subprocess.run([sys.executable, "-c", LEDGER % (CURVES,)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_b12_what_the_ledger_computes_of_a_bridge_is_sha_256() -> None:
    """Goal: anybody can compute it. Method: lock id and the digests of all three facts, byte by byte with another MessagePack library."""
    recipient = b"\xaa" * 20
    numbers = b"".join(number.to_bytes(8, "big") for number in (7, 500, 1_500))
    assert lock_id_of(ROUTE_ID, 7, 500, 1_500, recipient) == sha256(b"som/lock/1" + ROUTE_ID + numbers + recipient).digest()
    burn = burn_of(1, 100, 100)
    mint, expiry = Mint(1, BLOCK_HASH, recipient, 100, 6, BLOCK_HASH, BLOCK_HASH, 3), Expiry(1, BLOCK_HASH, 9, 7, BLOCK_HASH, 10)
    for fact, tag in ((burn, "burn"), (mint, "mint")):
        fields = [tag, *(getattr(fact, name) for name in fact.__struct_fields__)]
        assert digest_of(ROUTE_ID, fact) == sha256(b"som/%s/1" % tag.encode() + msgpack.packb([ROUTE_ID, fields])).digest()
    said = msgpack.packb([ROUTE_ID, expiry.nonce, expiry.lock_id, expiry.deadline])
    assert digest_of(ROUTE_ID, expiry) == sha256(b"som/expiry/1" + said).digest()


def test_b12_signatures_for_the_other_chain_are_opaque() -> None:
    """Goal: B12. Method: the ledger keeps bytes that are no signature at all as an attestor's word; whoever carries it finds out."""
    world = BridgedWorld()
    assert world.word("bank-a", signature=b"no curve would take this").code == 0
