"""The committed artifacts belong to the committed sources: shown here without Node, byte for byte by bridge/contracts/build --check."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from bridge.contracts import FOLDER, Artifact, artifact
from bridge.errors import ArtifactBroken
from bridge.keccak import keccak256
from tests.bridge.contracts.test_incidents import opcodes

ROOT = FOLDER.parent
NAMES = ("SomBridge", "SomToken", "OddToken")
CODE_BYTES_MAX = 24_576
"""EIP-170: no chain takes a larger contract."""
PUSH0 = 0x5F


@pytest.mark.parametrize("name", NAMES)
def test_the_metadata_names_these_sources(name: str) -> None:
    """Goal: nobody edits a source and forgets to build. Method: keccak of each of our files against the metadata's."""
    sources = json.loads(artifact(name).metadata)["sources"]
    ours = [path for path in sources if path.startswith("src/")]
    assert f"src/{name}.sol" in ours
    for path in ours:
        assert sources[path]["keccak256"] == "0x" + keccak256((ROOT / path).read_bytes()).hex(), path


@pytest.mark.parametrize("name", NAMES)
def test_the_code_carries_the_hash_of_its_metadata(name: str) -> None:
    """Goal: code and metadata are of one build. Method: the IPFS hash at the end of the code, computed from the metadata."""
    code = bytes.fromhex(artifact(name).deployed_bytecode.removeprefix("0x"))
    assert ipfs_hash(artifact(name).metadata.encode()) in code[-int.from_bytes(code[-2:], "big") - 2 :]


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_are_those_of_every_chain(name: str) -> None:
    """Goal: one byte code for Ethereum, BNB Chain and Tron. Method: settings, size, and no PUSH0."""
    metadata = json.loads(artifact(name).metadata)
    assert (metadata["settings"]["evmVersion"], metadata["compiler"]["version"]) == ("paris", "0.8.34+commit.80d5c536")
    code = artifact(name).deployed_bytecode
    assert len(code) // 2 - 1 <= CODE_BYTES_MAX
    assert PUSH0 not in opcodes(code)


def test_each_mutant_is_an_edit_of_the_sources() -> None:
    """Goal: no stale mutant. Method: its text stands once in its file, and its code differs from the contract's."""
    mutants = json.loads((ROOT / "mutants.json").read_text())
    assert {one["name"] for one in mutants} == {path.stem for path in (FOLDER / "mutants").glob("*.json")}
    for one in mutants:
        assert (ROOT / one["file"]).read_text().count(one["find"]) == 1, one["name"]
        built = json.loads((FOLDER / "mutants" / f"{one['name']}.json").read_text())
        assert built["bytecode"] != artifact("SomBridge").bytecode
        assert {key: built[key] for key in one} == one


def test_the_npm_packages_are_pinned_exactly() -> None:
    """Goal: the same build everywhere. Method: no range in the package files, and the compiler is that of the artifacts."""
    for folder in (ROOT, ROOT / "forge"):
        package = json.loads((folder / "package.json").read_text())
        lock = json.loads((folder / "package-lock.json").read_text())
        for name, version in (package.get("dependencies", {}) | package.get("optionalDependencies", {})).items():
            assert version.replace(".", "").isdigit(), name
            assert lock["packages"][f"node_modules/{name}"]["version"] == version
    assert artifact("SomBridge").compiler.startswith(json.loads((ROOT / "package.json").read_text())["dependencies"]["solc"])


def test_a_broken_artifact_is_refused_with_a_sentence() -> None:
    """Goal: a clear error. Method: a name that does not exist; code is compared whatever its immutable values."""
    with pytest.raises(ArtifactBroken, match="rebuild it"):
        artifact("Nothing")
    whole = artifact("SomBridge")
    code = bytearray(bytes.fromhex(whole.deployed_bytecode.removeprefix("0x")))
    span = whole.immutable_references[0]
    code[span.start] ^= 1
    assert isinstance(whole, Artifact)
    assert whole.same_code(bytes(code))
    code[0] ^= 1
    assert not whole.same_code(bytes(code))
    assert not whole.same_code(b"")


def ipfs_hash(text: bytes) -> bytes:
    """Return the multihash of a file of one block, as solc writes it: SHA-256 of its UnixFS node."""
    data = b"\x08\x02\x12" + varint(len(text)) + text + b"\x18" + varint(len(text))
    return b"\x12\x20" + sha256(b"\x0a" + varint(len(data)) + data).digest()


def varint(number: int) -> bytes:
    """Return a number in protobuf's variable length."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def test_the_build_files_are_where_the_readme_says() -> None:
    """Goal: a stranger can rebuild. Method: the commands are there and may be run."""
    for name in ("build", "forge/run", "forge/mutants"):
        assert (Path(ROOT) / name).stat().st_mode & 0o111
