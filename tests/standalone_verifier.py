"""Points 1 to 5 of K23, by ledger/PROOFS.md alone: GENESIS LINKS PROOF CHAIN ASKED. Every refusal is a ValueError or a CryptoError."""

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgpack
from nacl.signing import VerifyKey

FORMS: dict[str, tuple[Any, int, int]] = {"u": (int, 0, 2**32 - 1), "i": (int, 0, 2**63 - 1), "n": (int, -(10**18), 10**18)}
FORMS |= {"s": (str, 0, 140), "a": (list, 0, 2**20), "b": (bytes, 0, 2**23), "h": (bytes, 32, 32), "e": (bytes, 0, 0), "z": (list, 0, 0)}
FORMS |= {"k": (bytes, 480, 480), "w": (bytes, 0, 1024)}
RECORDS = {"account": "ssesszu", "balance": "nn"}
Trust = tuple[bytes, list[tuple[list[bytes], int]]]  # chain's id; of each epoch its validators' keys, and the height it stands on


def require(fact: object, otherwise: str) -> None:
    """Refuse a proof of which something does not hold."""
    if not fact:
        raise ValueError(otherwise)


def hashed(tag: str, *parts: bytes) -> bytes:
    """H(tag | parts)."""
    return sha256(tag.encode() + b"".join(parts)).digest()


def unpack(data: bytes, form: str) -> list[Any]:
    """Items of an array in canonical MessagePack; what is nested in it goes through `fields` too."""
    require(msgpack.packb(value := msgpack.unpackb(data)) == data, "not canonical")
    return fields(value, form)


def fields(value: object, form: str) -> list[Any]:
    """Items of an array that has exactly these types and sizes; a capital letter: or nil."""
    if type(value) is not list or len(value) != len(form):
        raise ValueError(f"not an array of {len(form)}")
    for item, kind in zip(value, form, strict=True):
        type_, least, most = FORMS[kind.lower()]
        right = type(item) is type_ and least <= (item if type_ is int else len(item)) <= most
        require(right or (item is None and kind.isupper()), f"a field has the wrong type or size: {item!r}"[:200])
    return value


def trust(genesis: str, chain: bytes, links: bytes = b"\x90") -> Trust:
    """Points 1 and 2: the document hashes to the chain's id (section 11), and each epoch's last block names the next set (section 12)."""
    try:
        document = dict(json.loads(genesis, object_pairs_hook=lambda pairs: dict(sorted(pairs))))
        signed = msgpack.packb({name: value for name, value in document.items() if name != "signatures"})
    except (TypeError, OverflowError, RecursionError) as error:
        raise ValueError("not a genesis document") from error
    require(hashed("som/genesis/1", signed) == chain, "the genesis document is of another chain")
    councils = [([bytes.fromhex(each["consensus_key"]) for each in document["validators"]], 0)]
    require(msgpack.packb(shown := msgpack.unpackb(links)) == links and type(shown) is list, "not canonical links")
    for data, certificate, members in (fields(link, "baa") for link in shown):
        header = final_header((chain, councils), [data, [], certificate[1:]])
        named = hashed("som/validators/1", msgpack.packb([len(councils), members]))
        require((certificate[0], header[2], header[8]) == (3, len(councils) - 1, named), "not how this epoch ended")
        councils.append(([fields(member, "shhs")[1] for member in members], header[3]))
    return chain, councils


def final_header(trusted: Trust, finality: object) -> list[Any]:
    """Points 3 and 4: a header of this chain, made final by the certificate of its block or of a descendant (sections 2, 10, 12)."""
    (chain, councils), (data, links, certificate) = trusted, fields(finality, "baa")
    headers, block_id = list[list[Any]](), b""
    for each in [data, *fields(links, "b" * len(links))]:
        header = unpack(each, "ihuiihiuhhhhhh")  # version, chain, epoch, height, view, parent, time_ms, proposer, next, body, 4 roots
        require(len(each) <= 512 and len(links) <= 4096 and header[:2] == [1, chain], "a header of another version or chain")
        require(not headers or [header[5], *header[2:4]] == [block_id, headers[-1][2], headers[-1][3] + 1], "a link does not follow")
        headers, block_id = [*headers[:1], header], hashed("som/header/1", each)
    epoch, view, parent_view, subject, votes = fields(certificate, "uiiha")
    again = view > header[4] and header[8] != bytes(32)  # the last block of an epoch is proposed again until it is final
    require((epoch, subject) == (header[2], block_id) and (view == header[4] or again), "the certificate is of another block")
    (keys, base), *later = councils[epoch:] or [([], 2**63)]
    require(base < headers[0][3] and all(header[3] <= end for _, end in later[:1]), "not a height of a known epoch")
    require(len(votes) == len(keys) - (len(keys) - 1) // 3, "not exactly a quorum")
    place, before = epoch.to_bytes(4, "big") + view.to_bytes(8, "big") + parent_view.to_bytes(8, "big"), -1
    for index, signature in (fields(vote, "ub") for vote in votes):
        require(before < index < len(keys), "indices do not rise")
        before = index
        VerifyKey(keys[index]).verify(b"som/finalize/1\0\0" + chain + place + block_id, signature)
    return headers[0]


def list_root(here: bytes, index: int, count: int, path: list[Any]) -> bytes:
    """Root of a list whose element `index` is `here` (section 4)."""
    rest, left = count, fields(path, "h" * len(path))
    require(index < count, "no such element")
    while rest > 1:
        if index ^ 1 < rest:
            require(left, "the path is too short")
            here, left = hashed("som/pair/1", *((left[0], here) if index & 1 else (here, left[0]))), left[1:]
        index, rest = index // 2, (rest + 1) // 2
    require(not left, "the path is too long")
    return hashed("som/list/1", count.to_bytes(8, "big"), here)


def tree_root(key: str, value: bytes | None, path: object) -> bytes:
    """Root of a tree in which a leaf has this value, or is absent (sections 5 and 6)."""
    place = hashed("som/key/1", key.replace("/", "\0", 1).encode())
    branches, keys, before, after = fields(path, "awww")
    require(len(fields(branches, "k" * len(branches))) <= 64 and not any(len(each) % 32 for each in (keys, before, after)), "wrong path")
    if value is not None:
        require(len(keys) == 32, "no hash of places")
        here = hashed("som/bucket/1", keys, before, hashed("som/leaf/1", place, value), after)
    else:
        places = [keys[start : start + 32] for start in range(0, len(keys), 32)]
        require(not after and len(before) == len(keys) and places == sorted({*places} - {place}), "no proof of absence")
        here = hashed("som/bucket/1", hashed("som/keys/1", keys), before) if keys else bytes(32)
    for digit, beside in [*zip(place.hex(), branches, strict=False)][::-1]:
        here = hashed("som/branch/1", beside[: 32 * int(digit, 16)], here, beside[32 * int(digit, 16) :])
    return here


def check_account(trusted: Trust, proof: bytes, account: str) -> tuple[list[Any], dict[str, Any]]:
    """Point 5: final header; records (None: absent) of an account and its balances, in the tree of its participant (sections 7, 10)."""
    tag, finality, tree, slot, leaves = unpack(proof, "sasaa")
    header, (salt, journal, index, count, path) = final_header(trusted, finality), fields(slot, "hhuua")
    records, roots = dict[str, Any](), set[bytes]()
    for key, value, way in (fields(leaf, "sBa") for leaf in leaves):
        require(key > max(records, default="") and (key == f"account/{account}" or key.startswith(f"balance/{account}/")), "another key")
        blind, record = (bytes(16), None) if value is None else unpack(value, "ba")
        require(len(blind) == 16, "a wrong blind")
        records[key] = record and fields(record, RECORDS[key.partition("/")[0]])
        roots.add(tree_root(key, value, way))
    require(tag == "som/state-proof/1" and tree == account.partition("/")[0] and f"account/{account}" in records, "not of this account")
    here = hashed("som/slot/1", tree.encode(), b"\0", salt, *roots, journal)
    require(len(roots) == 1 and list_root(here, index, count, path) == header[11], "the tree is not of this block")
    return header, records


def check_transaction(trusted: Trust, proof: bytes, tx_id: bytes) -> tuple[list[Any], list[Any]]:
    """Point 5: final header, and receipt of a transaction (sections 8 and 10)."""
    tag, finality, opening, whole, ref_id, until, receipt, count, path = unpack(proof, "sahhhiaua")
    header, (found, height, index, _, _, _, codes, entries) = final_header(trusted, finality), fields(receipt, "hiuuuUaa")
    require(fields(codes, "u" * len(codes)) == codes and all(fields(entry, "ssnnu") for entry in entries), "not a receipt")
    require((tag, found, height) == ("som/tx-proof/1", tx_id, header[3]), "not of this transaction or block")
    leaf = hashed("som/txleaf/1", opening, found, whole, ref_id, until.to_bytes(8, "big"), msgpack.packb(receipt))
    require(list_root(leaf, index, count, path) == header[10], "the receipt is not of this block")
    return header, receipt


if __name__ == "__main__":
    genesis_json, shown_links, proof_file = (Path(name).read_bytes() for name in sys.argv[1:4])
    believed, key = trust(genesis_json.decode(), bytes.fromhex(sys.argv[4]), shown_links), sys.argv[5]
    answer = check_account(believed, proof_file, key) if "/" in key else check_transaction(believed, proof_file, bytes.fromhex(key))
    sys.stdout.write(f"height {answer[0][3]}, block time {answer[0][6]} ms: {answer[1]}\n")
