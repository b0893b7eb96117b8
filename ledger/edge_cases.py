"""Edge cases of Ed25519 on which libraries disagree, and what this network's verifier says to each (L5).

A disagreement between two nodes would be a split of the chain, so a node compares the linked libsodium with this table before it runs.
The points come from the curve's equation alone: base point multiples, a point of order eight, sums of both, and encodings at or above the
field's prime.
"""

from __future__ import annotations

from msgspec import Struct

from ledger.keys import verify


class EdgeCase(Struct, frozen=True):
    """One signature at the edge of the specification; all fields but the name and the verdict are hexadecimal."""

    name: str
    public_key: str
    message: str
    signature: str
    accepted: bool


class VerifierDiffers(Exception):
    """The linked libsodium judges an edge case otherwise: this node would split from the chain and must not run."""


EDGE_CASES = (
    EdgeCase(
        "a valid signature",
        "392e81b9f1a28c883f2e78a4e851eb2589142cb7506c2546aa65f76d94228578",
        "736f6d20656467652063617365",
        "07be3cef98210aca4e2fa8f2211074c2091f680c7e2bfac2675d0b36c26317f9e18182b4fffcd5651083116e60040a455d3d96ab9f5f8c3de834ad68a466580f",
        accepted=True,
    ),
    EdgeCase(
        "another message",
        "392e81b9f1a28c883f2e78a4e851eb2589142cb7506c2546aa65f76d94228578",
        "736f6d2065646765206361736521",
        "07be3cef98210aca4e2fa8f2211074c2091f680c7e2bfac2675d0b36c26317f9e18182b4fffcd5651083116e60040a455d3d96ab9f5f8c3de834ad68a466580f",
        accepted=False,
    ),
    EdgeCase(
        "S not reduced",
        "392e81b9f1a28c883f2e78a4e851eb2589142cb7506c2546aa65f76d94228578",
        "736f6d20656467652063617365",
        "07be3cef98210aca4e2fa8f2211074c2091f680c7e2bfac2675d0b36c26317f9ce5578111a60e8bde61f09113ffee8595d3d96ab9f5f8c3de834ad68a466581f",
        accepted=False,
    ),
    EdgeCase(
        "identity key, identity R, S = 0",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "736f6d20656467652063617365",
        "01000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
        accepted=False,
    ),
    EdgeCase(
        "small-order key, equation holds",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "736f6d206564676520636173650b00",
        "07be3cef98210aca4e2fa8f2211074c2091f680c7e2bfac2675d0b36c26317f901c83c8c7149f6e3f47027f44930eab859ce834a99129ea0f08d1b5d0985810d",
        accepted=False,
    ),
    EdgeCase(
        "R is the identity, equation holds",
        "392e81b9f1a28c883f2e78a4e851eb2589142cb7506c2546aa65f76d94228578",
        "736f6d20656467652063617365",
        "010000000000000000000000000000000000000000000000000000000000000081e35b317054b2e2cda766692de4df7627dd6be6beff6180ee2f3aeaa5de4207",
        accepted=False,
    ),
    EdgeCase(
        "R with torsion: holds only times eight",
        "392e81b9f1a28c883f2e78a4e851eb2589142cb7506c2546aa65f76d94228578",
        "736f6d20656467652063617365",
        "8deecfa5b54acdba9dccb00433ef0ffe6b7b99ad44ac7e1bf5e36b1262326c14607600bb80371e1d041f8a1a06aca8974c46e013e6404322a11533e28f8b4701",
        accepted=False,
    ),
    EdgeCase(
        "key with torsion: holds only times eight",
        "1ec0c169972c27fd7c3bb592cd951ec802f6ba749b05c6769269efee4d1a2ef0",
        "736f6d206564676520636173650000",
        "07be3cef98210aca4e2fa8f2211074c2091f680c7e2bfac2675d0b36c26317f9ddadd598828887e87c2feb607dbb0cc5559e787800bd5d869182e4a64c478008",
        accepted=False,
    ),
    EdgeCase(
        "key with torsion: holds without the factor",
        "1ec0c169972c27fd7c3bb592cd951ec802f6ba749b05c6769269efee4d1a2ef0",
        "736f6d206564676520636173650100",
        "07be3cef98210aca4e2fa8f2211074c2091f680c7e2bfac2675d0b36c26317f96cc4b2f13d08ef301cd048cfe285d69608183bf3556b46db2e49f0953eac380a",
        accepted=True,
    ),
    EdgeCase(
        "R not canonical",
        "392e81b9f1a28c883f2e78a4e851eb2589142cb7506c2546aa65f76d94228578",
        "736f6d20656467652063617365",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f067868ce9f5777e9b979fa1e743b6f1e4a0b72d552ae180bc4b46d609e8d2803",
        accepted=False,
    ),
    EdgeCase(
        "R is the identity with a sign bit",
        "392e81b9f1a28c883f2e78a4e851eb2589142cb7506c2546aa65f76d94228578",
        "736f6d20656467652063617365",
        "01000000000000000000000000000000000000000000000000000000000000804ee83b90d5b8646e52cb6b93cb1d1b595f1c22e70c939ea64b3115dfb9c7a308",
        accepted=False,
    ),
    EdgeCase(
        "key not canonical",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "736f6d20656467652063617365",
        "07be3cef98210aca4e2fa8f2211074c2091f680c7e2bfac2675d0b36c26317f901c83c8c7149f6e3f47027f44930eab859ce834a99129ea0f08d1b5d0985810d",
        accepted=False,
    ),
)


def check_verifier() -> None:
    """Compare the linked libsodium with the table: the self-test of a node before it runs.

    Raises
    ------
    VerifierDiffers
        It accepts what others refuse, or refuses what others accept.

    Source: ledger/README.md, L5.
    """
    for case in EDGE_CASES:
        found = verify(bytes.fromhex(case.public_key), bytes.fromhex(case.message), bytes.fromhex(case.signature))
        if found != case.accepted:
            raise VerifierDiffers(f"the linked libsodium differs on an edge case ({case.name}): install the PyNaCl of the lock file")
