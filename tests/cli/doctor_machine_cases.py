"""Cases of `som doctor --config`: each a fault of a node as its own machine shows it, and the finding that must come of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cli.doctor_facts import Held, KeyFacts, KeyFault, Silent
from node.lastwords import LastWords
from tests.cli.clinic import NODE_KEYS, NOW, URL, healthy, machine, with_status

if TYPE_CHECKING:
    from cli.doctor_facts import Asked, MachineFacts

DOWN = replace(machine(), held=Held())
OFF = Silent(URL, "Connection refused")
KEY_FILES: tuple[tuple[KeyFault, str, str], ...] = (
    ("missing", "has no box_key: /k", "restore it"),
    ("readable by others", "box_key that others can read", "chmod 600 /k"),
    ("unreadable", "this user cannot read", "own user"),
    ("not a key", "no key (64 hex characters): /k", "restore it"),
)

MACHINES: list[tuple[str, MachineFacts, tuple[Asked, ...], str, str, str, str]] = [
    # name of the case, machine, nodes, code, level, what it says, what to do
    (
        "configuration",
        replace(machine(), name="", url="", config_fault="x.toml is not TOML; correct it"),
        (),
        "configuration",
        "wrong",
        "x.toml is not TOML",
        "correct it",
    ),
    ("genesis", replace(DOWN, genesis_fault="it is cut; get it"), (OFF,), "genesis-document", "wrong", "it is cut", "get it"),
    (
        "view key",
        replace(DOWN, view_key_fault="it does not open; name another"),
        (OFF,),
        "view-key",
        "wrong",
        "does not open",
        "name another",
    ),
    *(
        (f"key file {fault}", replace(DOWN, keys=(KeyFacts("box_key", "/k", fault),)), (OFF,), "key-file", "wrong", says, todo)
        for fault, says, todo in KEY_FILES
    ),
    (
        "consensus key",
        replace(DOWN, keys=(KeyFacts("consensus_key", "/k", "missing"),)),
        (OFF,),
        "key-file",
        "wrong",
        "has no consensus_key",
        "som recover --config FILE makes a new one",
    ),
    ("no folder", replace(DOWN, folder_mode=None), (OFF,), "data-folder", "wrong", "/var/som is not there", "set `data`"),
    ("open folder", replace(machine(), folder_mode=0o755), (healthy(),), "data-folder", "warning", "others can read", "chmod 700 /var/som"),
    ("little space", replace(machine(), free_bytes=2**30 - 1), (healthy(),), "disk-space", "warning", "1.0 GiB left", "(22)"),
    ("small share", replace(machine(), disk_bytes=1_001 * 2**30), (healthy(),), "disk-space", "warning", "5 % of the disk", "(22)"),
    (
        "store",
        replace(machine(), store_bytes=62 * 2**30),
        (healthy(),),
        "store-size",
        "warning",
        "62.0 GiB of the 64.0 GiB",
        "limits.map_bytes",
    ),
    ("stopped", machine(), (OFF,), "not-answering", "wrong", "runs as process 4711 and does not answer", "kill -CONT 4711"),
    ("unknown", replace(machine(), held=Held(known=False)), (OFF,), "not-answering", "wrong", f"answer at {URL}", "does not show"),
    ("killed", DOWN, (OFF,), "not-running", "wrong", "it was killed, lost power, or never ran", "som node run --config /etc/som/node.toml"),
    (
        "told",
        replace(DOWN, last_words=LastWords(0, "", NOW)),
        (OFF,),
        "not-running",
        "wrong",
        "told to stop at 2027-01-15",
        "som node run --config",
    ),
    (
        "disk full",
        replace(DOWN, last_words=LastWords(22, "cannot write x: no space; free some", NOW)),
        (OFF,),
        "not-running",
        "wrong",
        "ended with code 22, since cannot write x: no space",
        "free some; then start it: som node run",
    ),
    (
        "no memory",
        replace(DOWN, last_words=LastWords(32, "neither journal nor mark; run som recover", NOW)),
        (OFF,),
        "not-running",
        "wrong",
        "code 32, since neither",
        "run som recover",
    ),
    (
        "halted",
        replace(DOWN, last_words=LastWords(50, "two certificates; call the other operators", NOW)),
        (OFF,),
        "not-running",
        "wrong",
        "code 50",
        "do not start it; call the other operators",
    ),
    (
        "mark lost",
        replace(
            DOWN, memory_code=29, memory_fault="the mark x is missing: this key never votes again (K15); make a new key with `som recover`"
        ),
        (OFF,),
        "memory",
        "wrong",
        "would not start (29): the mark x is missing",
        "som recover --config FILE",
    ),
    ("proof", replace(DOWN, halts=("p.halt",)), (OFF,), "more-than-f-liars", "wrong", "p.halt", "do not start it"),
    (
        "bad list",
        replace(machine(), denied_fault="line 1: no key; correct it"),
        (healthy(),),
        "denied-list",
        "wrong",
        "line 1",
        "correct it",
    ),
    (
        "denied validators",
        replace(machine(), denied=(NODE_KEYS[3], "e" * 64)),
        (healthy(),),
        "denied-validators",
        "warning",
        "denies validators: validator-3",
        "/var/som/denied",
    ),
    ("address", machine(), (with_status(healthy(), node="validator-9"),), "address-taken", "wrong", "validator-9 answers", "api.port"),
    (
        "chain",
        replace(machine(), chain="a" * 64),
        (healthy(),),
        "other-chain",
        "wrong",
        "its genesis document is of chain aaaa",
        "`genesis`",
    ),
    (
        "no vote",
        replace(machine(), keys=(*machine().keys[:2], KeyFacts("consensus_key", "/k", public="a" * 64))),
        (healthy(),),
        "no-vote",
        "note",
        "in no set in force",
        "som validator add",
    ),
    (
        "node key",
        replace(machine(), keys=(KeyFacts("node_key", "/k", public="a" * 64), *machine().keys[1:])),
        (healthy(),),
        "node-key",
        "wrong",
        "lists for validator 0",
        "(som validator list)",
    ),
]
