"""The genesis document: what it says, what it refuses and on which line, who signs it (section 6)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import msgpack
import pytest

from ledger.accounts import Account
from ledger.assets import Asset
from ledger.genesis import (
    chain_id,
    check_draft,
    check_genesis,
    first_records,
    genesis_signing_bytes,
    genesis_to_json,
    missing_signers,
    parse_genesis,
    sealed_copies,
    sign_genesis,
    validators,
)
from ledger.genesis_document import GenesisError, canonical_genesis
from ledger.json_lines import RepeatedKeyError, lines_of
from ledger.keys import tagged
from ledger.parameters import Parameters, load_parameters
from tests.ledger.world import MemoryState, make_genesis, seed_of, signed_genesis

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.genesis_document import Genesis

    Edit = Callable[["Document"], object]

Document = dict[str, object]
WHOLE = signed_genesis(make_genesis())
TEXT = genesis_to_json(WHOLE)


def at(document: object, *path: str | int) -> Document:
    """Go down into a document."""
    for step in path:
        document = document[step]  # type: ignore[index]
    return cast("Document", document)


def sorted_keys(value: object) -> object:
    """Sort the keys of every map, as the canonical bytes have them."""
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(each) for each in value] if isinstance(value, list) else value


def refusal(edit: Edit) -> GenesisError:
    """Edit the document, and return what is said about it."""
    document = json.loads(TEXT)
    edit(document)
    text = json.dumps(document, indent=2)
    with pytest.raises(GenesisError) as refused:
        check_draft(parse_genesis(text), text)
    return refused.value


def test_the_document_begins_a_network() -> None:
    """Goal: the document of the tests passes every check. Method: parse the text, check, make the records."""
    genesis = parse_genesis(TEXT)
    check_genesis(genesis, TEXT)
    records = first_records(genesis)
    assert isinstance(records["asset/KGS"], Asset)
    assert isinstance(records["account/operator/fee:KGS"], Account)
    assert len(validators(genesis)) == 4
    assert len(sealed_copies(genesis)) == 1
    assert [key for key in records if key.startswith("balance/")] == [], "money comes from issue only"
    assert load_parameters(MemoryState(records)) == Parameters()


def test_the_chain_is_the_hash_of_the_document_read_by_anybody() -> None:
    """Goal: two libraries agree on the bytes. Method: the standard JSON reader and the msgpack package."""
    document = json.loads(TEXT)
    del document["signatures"]
    assert canonical_genesis(WHOLE) == msgpack.packb(sorted_keys(document))
    assert chain_id(WHOLE) == tagged(b"som/genesis/1", msgpack.packb(sorted_keys(document)))


def test_l4_the_signatures_of_genesis_have_a_tag_of_their_own() -> None:
    """Goal: no signature can be taken for one of another kind. Method: compare with the specification's words."""
    assert genesis_signing_bytes(WHOLE) == b"som/gensig/1" + chain_id(WHOLE)


def test_the_chain_does_not_depend_on_signatures_or_layout() -> None:
    """Goal: signing does not change what is signed. Method: without signatures, and the JSON in one line."""
    assert chain_id(make_genesis()) == chain_id(WHOLE)
    assert chain_id(parse_genesis(json.dumps(json.loads(TEXT), sort_keys=True))) == chain_id(WHOLE)
    assert chain_id(make_genesis(params={"legs_max": 5})) != chain_id(WHOLE)


SEAL = ("view_key", "sealed", 0)
EDITS: list[tuple[str, str, Edit]] = [
    ("another format", "format", lambda d: d.update(format=2)),
    ("unknown field", "", lambda d: d.update(extra=1)),
    ("missing field", "participants[0]", lambda d: at(d, "participants", 0).pop("lei")),
    ("name", "name", lambda d: d.update(name="Not A Name")),
    ("epoch_length", "params.epoch_length", lambda d: at(d, "params").update(epoch_length=9)),
    ("unknown parameter", "params.magic", lambda d: at(d, "params").update(magic=1)),
    ("parameter out of range", "params.legs_max", lambda d: at(d, "params").update(legs_max=1001)),
    ("participant id", "participants[1]", lambda d: at(d, "participants", 1).update(id="Bank A")),
    ("participant called root", "participants[1]", lambda d: at(d, "participants", 1).update(id="root")),
    ("participant twice", "participants[2]", lambda d: at(d, "participants", 2).update(id="treasury")),
    ("too many participants", "participants", lambda d: at(d, "params").update(participants_max=3)),
    ("too many assets", "assets", lambda d: (at(d, "params").update(assets_max=1), d.update(assets=[at(d, "assets", 0)] * 2))),
    ("two operators", "participants[2].kind", lambda d: at(d, "participants", 2).update(kind="operator")),
    ("country", "participants[2]", lambda d: at(d, "participants", 2).update(country="xx")),
    ("keyset twice", "participants[0].keysets[1]", lambda d: at(d, "participants", 0, "keysets", 1).update(name="board")),
    ("m above n", "participants[3].keysets[0]", lambda d: at(d, "participants", 3, "keysets", 0).update(m=2)),
    ("keyset without keys", "participants[3].keysets[0].keys", lambda d: at(d, "participants", 3, "keysets", 0).update(keys=[])),
    ("key past its end", "participants[3].keysets[0]", lambda d: at(d, "participants", 3, "keysets", 0, "keys", 0).update(not_after=5)),
    (
        "key twice",
        "participants[3].keysets[0]",
        lambda d: at(d, "participants", 3, "keysets", 0, "keys", 0).update(at(d, "participants", 1, "keysets", 0, "keys", 0)),
    ),
    (
        "small-order key",
        "participants[3].keysets[0]",
        lambda d: at(d, "participants", 3, "keysets", 0, "keys", 0).update(public_key="01" + 62 * "0"),
    ),
    (
        "key that is not canonical",
        "participants[3].keysets[0]",
        lambda d: at(d, "participants", 3, "keysets", 0, "keys", 0).update(public_key="f0" + 60 * "f" + "7f"),
    ),
    (
        "key in capitals",
        "participants[3].keysets[0].keys[0].public_key",
        lambda d: at(d, "participants", 3, "keysets", 0, "keys", 0).update(public_key=64 * "A"),
    ),
    ("validator of nobody", "validators[2]", lambda d: at(d, "validators", 2).update(participant="bank-x")),
    ("validator's node key not registered", "validators[2].node_key", lambda d: at(d, "validators", 2).update(node_key=64 * "1")),
    (
        "validator's node key twice",
        "validators[2].node_key",
        lambda d: at(d, "validators", 2).update(node_key=at(d, "validators", 1)["node_key"]),
    ),
    (
        "consensus key twice",
        "validators[2]",
        lambda d: at(d, "validators", 2).update(consensus_key=at(d, "validators", 1)["consensus_key"]),
    ),
    ("consensus key of people", "validators[2]", lambda d: at(d, "validators", 2).update(consensus_key=seed_key())),
    ("three validators", "validators", lambda d: d.update(validators=d["validators"][:3])),  # type: ignore[index]
    ("view key for nobody", "view_key.sealed[0].box_key", lambda d: at(d, *SEAL).update(box_key=64 * "2")),
    ("validator without view key", "validators[0]", lambda d: at(d, "validators", 0).update(participant="bank-a", node_key=give_node(d))),
    ("issuer of nobody", "assets[0]", lambda d: at(d, "assets", 0).update(issuer="bank-x")),
    ("asset code", "assets[0]", lambda d: at(d, "assets", 0).update(code="kgs")),
    ("asset twice", "assets[1]", lambda d: d.update(assets=[at(d, "assets", 0), at(d, "assets", 0)])),
    ("amount as a number", "assets[0].cap", lambda d: at(d, "assets", 0).update(cap=5)),
    ("amount of 19 digits", "assets[0].cap", lambda d: at(d, "assets", 0).update(cap="1" + 18 * "0")),
    ("account of nobody", "accounts[0]", lambda d: at(d, "accounts", 0).update(id="bank-x/main")),
    ("account twice", "accounts[1]", lambda d: at(d, "accounts", 1).update(id="bank-a/main")),
    ("account of an asset", "accounts[0]", lambda d: at(d, "accounts", 0).update(id="operator/fee:GOLD")),
    ("kind of account", "accounts[0]", lambda d: at(d, "accounts", 0).update(kind="vault")),
    ("grant to nobody", "grants[2]", lambda d: at(d, "grants", 2).update(to="bank-x")),
    ("grant twice", "grants[2]", lambda d: at(d, "grants", 2).update(id="root")),
    ("quorum that does not exist", "grants[1]", lambda d: at(d, "grants", 1, "need").update(of=["operator/gone"], m=1)),
    ("quorum that is not sorted", "grants[1]", lambda d: at(d, "grants", 1, "need").update(of=["operator/ops", "operator/board"])),
    ("quorum that cannot be met", "grants[1]", lambda d: at(d, "grants", 1, "need").update(m=4)),
    ("quota of nothing", "grants[1].quota.amount", lambda d: at(d, "grants", 1, "quota").update(amount="0")),
    ("scope that does not exist", "grants[1]", lambda d: at(d, "grants", 1, "scope").update(asset="GOLD")),
    ("account of the scope", "grants[1]", lambda d: at(d, "grants", 1, "scope").update(account="bank-a/nobody")),
    ("duties together", "grants[2]", lambda d: at(d, "grants", 2).update(permission="attest.price")),
    ("no root", "grants", lambda d: d.update(grants=d["grants"][1:])),  # type: ignore[index]
    ("a root that ends", "grants", lambda d: at(d, "grants", 0).update(until=2**47)),
]


def seed_key() -> str:
    """Public key of bank-b's keyset."""
    return str(at(json.loads(TEXT), "participants", 3, "keysets", 0, "keys", 0)["public_key"])


def give_node(document: Document) -> str:
    """Move a node key from the operator to bank-a."""
    key = str(at(document, "validators", 0)["node_key"])
    cast("list[str]", at(document, "participants", 0)["node_keys"]).remove(key)
    at(document, "participants", 2)["node_keys"] = [key]
    return key


@pytest.mark.parametrize(("path", "edit"), [(path, edit) for _, path, edit in EDITS], ids=[what for what, _, _ in EDITS])
def test_each_fault_is_refused_with_its_place_and_line(path: str, edit: Edit) -> None:
    """Goal: a person finds what is wrong. Method: one edit each; the path is exact, and the line holds the last word of the path."""
    error = refusal(edit)
    assert error.path.removeprefix("$").removeprefix(".") == path
    assert error.line is not None
    assert str(error).startswith(f"genesis document: line {error.line}")


def test_the_line_is_that_of_the_text() -> None:
    """Goal: the number can be trusted. Method: find the line of a value that stands once, through the text itself."""
    text = TEXT.replace('"legs_max"', "").replace('"params": {}', '"params": {\n    "epoch_length": 9\n  }')
    with pytest.raises(GenesisError) as refused:
        check_draft(parse_genesis(text), text)
    assert text.splitlines()[(refused.value.line or 0) - 1].strip() == '"epoch_length": 9'


@pytest.mark.parametrize("text", ["", "{", "[]", "nonsense", '{"format": 1,\n\n"devnet": tru}', "\x00", "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    """Goal: hostile bytes raise the typed error alone. Method: broken texts."""
    with pytest.raises(GenesisError):
        parse_genesis(text)


def test_a_broken_text_names_its_line() -> None:
    """Goal: also before there is a structure. Method: a comma too many on a known line."""
    with pytest.raises(GenesisError) as refused:
        parse_genesis('{"format": 1,\n"devnet": false,\n,"name": "x"}')
    assert refused.value.line == 3


def test_a_field_that_stands_twice_is_refused() -> None:
    """Goal: no reader may take another value than the reviewer saw. Method: repeat a field."""
    text = TEXT.replace('"devnet": false,', '"devnet": true,\n  "devnet": false,')
    with pytest.raises(GenesisError) as refused:
        parse_genesis(text)
    assert (refused.value.path, refused.value.line) == ("$.devnet", 4)


def test_a_devnet_may_have_one_validator_and_another_chain() -> None:
    """Goal: the flag is part of the hash. Method: set it."""
    document = json.loads(TEXT)
    document["devnet"] = True
    devnet = parse_genesis(json.dumps(document))
    assert chain_id(devnet) != chain_id(WHOLE)
    document["validators"] = document["validators"][:1]
    check_draft(parse_genesis(json.dumps(document)))


def test_everybody_who_must_sign_signs_and_nobody_else() -> None:
    """Goal: every keyset in root's quorum and every consensus key. Method: leave each out, add a stranger, alter, repeat."""
    draft = make_genesis()
    assert len(missing_signers(draft)) == 3 + 4
    assert missing_signers(WHOLE) == ()
    assert missing_signers(sign_genesis(draft, seed_of("operator", "board"))) == missing_signers(draft), "the board signs with two keys"
    for index in range(len(WHOLE.signatures)):
        with pytest.raises(GenesisError, match="not signed by"):
            check_genesis(_with_signatures(index, None))
    stranger = sign_genesis(WHOLE, seed_of("bank-a"))
    with pytest.raises(GenesisError, match="need not sign"):
        check_genesis(stranger)
    with pytest.raises(GenesisError, match="does not verify"):
        check_genesis(_with_signatures(0, "00" * 64))
    document = json.loads(TEXT)
    document["signatures"].append(document["signatures"][-1])
    with pytest.raises(GenesisError, match="sorted"):
        check_genesis(parse_genesis(json.dumps(document)))
    assert sign_genesis(WHOLE, seed_of("operator", "board")) == WHOLE, "signing again changes nothing"


def test_a_changed_document_needs_new_signatures() -> None:
    """Goal: the signatures are over every word. Method: change the time by a millisecond."""
    document = json.loads(TEXT)
    document["time_ms"] += 1
    with pytest.raises(GenesisError, match="does not verify"):
        check_genesis(parse_genesis(json.dumps(document)))


def test_lines_of_every_value() -> None:
    """Goal: the locator. Method: a small text with every kind of value."""
    text = '{\n "a": [1,\n  {"b": "x, y: {"}],\n "c": null}'
    assert lines_of(text) == {"$": 1, "$.a": 2, "$.a[0]": 2, "$.a[1]": 3, "$.a[1].b": 3, "$.c": 4}
    with pytest.raises(RepeatedKeyError):
        lines_of('{"a": 1, "a": 2}')


def _with_signatures(index: int, signature: str | None) -> Genesis:
    document = json.loads(TEXT)
    if signature is None:
        del document["signatures"][index]
    else:
        document["signatures"][index]["signature"] = signature
    return parse_genesis(json.dumps(document))
