"""What is wrong with a node as seen from its own machine: configuration, keys, disk, memory, lock, and why it ended. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.doctor_facts import Answering
from cli.findings import Finding, two_parts
from cli.times import time_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.doctor_facts import Asked, KeyFacts, MachineFacts

FREE_BYTES_MIN = 2**30
FREE_SHARE_MIN = 0.05
"""Below either a busy day or a snapshot may fill the disk, and a full disk stops the node."""
STORE_SHARE_MAX = 0.9
OTHERS = 0o077

NO_RESTART = frozenset((*range(23, 33), 41, 42, 43, 50, 51, 53, 60))
"""Exit codes after which what is wrong does not go away by a start (node/README.md)."""
HALTED = (50, 51)

MEMORY_TODO = {
    24: "run the version of this program that wrote it",
    27: "check the disk, move the journal folder away, leave the mark where it is, and start the node",
    29: "make a new key with som recover --config FILE: this one must never vote again",
    30: "make a new key with som recover --config FILE: this one must never vote again",
    31: "name the consensus key that belongs to this data folder",
    32: "before the network's genesis som init --config FILE; if both were there once, som recover --config FILE",
}
"""By exit code (K15)."""


def machine_findings(machine: MachineFacts, asked: Sequence[Asked]) -> Iterator[Finding]:
    """Everything that this machine shows. `asked`: the nodes that were asked, this one among them."""
    about = machine.name or machine.config
    if machine.config_fault:
        says, todo = two_parts(machine.config_fault)
        yield Finding("configuration", "wrong", about, f"has a configuration that cannot be used: {says}", todo)
        return
    yield from _documents(machine)
    for key in machine.keys:
        yield from _key_file(machine, key)
    yield from _folder(machine)
    yield from _running(machine, asked)
    yield from _memory(machine)
    yield from _denied(machine, asked)
    own = next((each for each in asked if isinstance(each, Answering) and each.url == machine.url), None)
    if own is not None:
        yield from _answers(machine, own)
    witness = own or next((each for each in asked if isinstance(each, Answering)), None)
    if witness is not None:
        yield from _seat(machine, witness)


def _documents(machine: MachineFacts) -> Iterator[Finding]:
    for code, fault in (("genesis-document", machine.genesis_fault), ("view-key", machine.view_key_fault)):
        if fault:
            says, todo = two_parts(fault)
            yield Finding(code, "wrong", machine.name, f"cannot start: {says}", todo)


def _key_file(machine: MachineFacts, key: KeyFacts) -> Iterator[Finding]:
    match key.fault:
        case "missing":
            lost = (
                "som recover --config FILE makes a new one where it was lost, and som init the first"
                if key.use == "consensus_key"
                else ("restore it, or som recover --config FILE makes a new one that has to be registered")
            )
            yield Finding("key-file", "wrong", machine.name, f"has no {key.use}: {key.path} is not there", lost)
        case "readable by others":
            yield Finding("key-file", "wrong", machine.name, f"has a {key.use} that others can read: {key.path}", f"chmod 600 {key.path}")
        case "unreadable":
            says = f"has a {key.use} that this user cannot read: {key.path}"
            yield Finding("key-file", "wrong", machine.name, says, "run this as the node's own user, or give the file back to it")
        case "not a key":
            says = f"has a {key.use} file that is no key (64 hex characters): {key.path}"
            yield Finding("key-file", "wrong", machine.name, says, "restore it from where it was made")


def _folder(machine: MachineFacts) -> Iterator[Finding]:
    """Look at data folder, disk and store."""
    if machine.folder_mode is None:
        todo = "set `data` to the folder that it had; before the network's genesis som init --config FILE makes it"
        yield Finding("data-folder", "wrong", machine.name, f"has no data folder: {machine.data} is not there", todo)
    elif machine.folder_mode & OTHERS:
        says = f"has a data folder that others can read: {machine.data}"
        yield Finding("data-folder", "warning", machine.name, says, f"chmod 700 {machine.data}")
    share = machine.free_bytes / machine.disk_bytes if machine.disk_bytes else 1.0
    if machine.disk_bytes and (machine.free_bytes < FREE_BYTES_MIN or share < FREE_SHARE_MIN):
        says = f"has {machine.free_bytes / 2**30:.1f} GiB left for its data folder, {100 * share:.0f} % of the disk"
        yield Finding("disk-space", "warning", machine.name, says, "free some, or give it a larger disk: a full one stops the node (22)")
    if machine.store_bytes_max and machine.store_bytes > STORE_SHARE_MAX * machine.store_bytes_max:
        says = f"has a store of {machine.store_bytes / 2**30:.1f} GiB of the {machine.store_bytes_max / 2**30:.1f} GiB that it may have"
        yield Finding(
            "store-size", "warning", machine.name, says, "raise limits.map_bytes and start it again: a full store stops the node (44)"
        )


def _running(machine: MachineFacts, asked: Sequence[Asked]) -> Iterator[Finding]:
    """Whether it runs; if not, why not."""
    if any(isinstance(each, Answering) and each.url == machine.url and each.name == machine.name for each in asked):
        return
    if machine.held.pid:
        says = f"runs as process {machine.held.pid} and does not answer at {machine.url}"
        todo = f"if it is stopped, kill -CONT {machine.held.pid}; if it has just started, wait; else see its log"
        yield Finding("not-answering", "wrong", machine.name, says, todo)
        return
    if not machine.held.known:
        todo = "look whether its process is there: this system does not show who holds the lock"
        yield Finding("not-answering", "wrong", machine.name, f"does not answer at {machine.url}", todo)
        return
    start = f"start it: som node run --config {machine.config}"
    words = machine.last_words
    if words is None:
        says = "does not run: it was killed, lost power, or never ran"
        yield Finding("not-running", "wrong", machine.name, says, start)
    elif not words.code:
        yield Finding("not-running", "wrong", machine.name, f"does not run: it was told to stop at {time_text(words.time_ms)}", start)
    else:
        why, todo = two_parts(words.sentence)
        if words.code in HALTED:
            todo = f"do not start it; {todo}"
        elif words.code not in NO_RESTART:
            todo = f"{todo}; then {start}"
        says = f"does not run: at {time_text(words.time_ms)} it ended with code {words.code}, since {why}"
        yield Finding("not-running", "wrong", machine.name, says, todo)


def _memory(machine: MachineFacts) -> Iterator[Finding]:
    """Journal and mark (K15), and proofs that more than f validators lie."""
    if machine.memory_fault:
        why = machine.memory_fault.partition(": this key never votes")[0].partition(". What this key")[0].partition(": if the chain")[0]
        todo = MEMORY_TODO.get(machine.memory_code, "see node/README.md, exit code " + str(machine.memory_code))
        yield Finding("memory", "wrong", machine.name, f"would not start ({machine.memory_code}): {why}", todo)
    if machine.halts:
        says = f"holds a proof that more than f validators lie: {machine.halts[0]}"
        todo = "do not start it, and call the other operators: which of two chains is right, people decide"
        yield Finding("more-than-f-liars", "wrong", machine.name, says, todo)


def _denied(machine: MachineFacts, asked: Sequence[Asked]) -> Iterator[Finding]:
    if machine.denied_fault:
        says, todo = two_parts(machine.denied_fault)
        yield Finding("denied-list", "wrong", machine.name, f"goes on with its old list of denied nodes, and does not start: {says}", todo)
    voting = {entry.node_key for each in asked if isinstance(each, Answering) for entry in each.validators.validators}
    named = [machine.names.get(key, key[:16]) for key in machine.denied if key in voting]
    if named:
        says = f"denies validators: {', '.join(named)}"
        todo = f"take their keys out of {machine.data}/denied unless they are to be shut out: it hears no votes of theirs"
        yield Finding("denied-validators", "warning", machine.name, says, todo)


def _answers(machine: MachineFacts, own: Answering) -> Iterator[Finding]:
    """Whether who answers at this node's address is this node."""
    if own.name != machine.name:
        says = f"has an address where {own.name} answers: {machine.url}"
        yield Finding("address-taken", "wrong", machine.name, says, "stop the other one, or change api.port in one of both configurations")
    if machine.chain and own.status.chain != machine.chain:
        says = f"is on chain {own.status.chain[:16]}, and its genesis document is of chain {machine.chain[:16]}"
        yield Finding("other-chain", "wrong", machine.name, says, "set `genesis` to the right document and start it again")


def _seat(machine: MachineFacts, witness: Answering) -> Iterator[Finding]:
    """Whether the keys are those that the ledger lists."""
    keys = {key.use: key.public for key in machine.keys if not key.fault}
    consensus, node = keys.get("consensus_key", ""), keys.get("node_key", "")
    if machine.role != "validator" or not consensus or not node:
        return
    seat = next((entry for entry in witness.validators.validators if entry.consensus_key == consensus), None)
    if seat is None:
        says = "has a consensus key that is in no set in force, so it follows and does not vote"
        todo = "som validator list says what is planned; som validator add and ready give it a vote"
        yield Finding("no-vote", "note", machine.name, says, todo)
    elif seat.node_key != node:
        says = f"has another node key than the ledger lists for validator {seat.index}, and does not start on it (53)"
        yield Finding("node-key", "wrong", machine.name, says, "name the node_key file whose public key is listed (som validator list)")
