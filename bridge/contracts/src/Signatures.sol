// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.34;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title The check of several signatures over one digest.
/// @dev Exactly as many as needed, signers strictly ascending (so none twice), each a member; ECDSA.recover refuses a high
/// s and the zero address. The precompile is the only verifier; no caller names one (Wormhole 2022).
library Signatures {
    /// @dev 65 bytes: r, s, v.
    uint256 internal constant SIZE = 65;

    error SignatureCount(uint256 bytesGiven, uint256 bytesNeeded);
    error SignersNotAscending(address before, address next);
    error NotASigner(address signer);

    function requireSigners(
        mapping(address => bool) storage members,
        bytes32 digest,
        uint256 needed,
        bytes calldata signatures
    ) internal view {
        uint256 size = needed * SIZE;
        if (needed == 0 || signatures.length != size) revert SignatureCount(signatures.length, size);
        address last = address(0);
        for (uint256 at = 0; at < size; at += SIZE) {
            (bytes32 r, bytes32 s, uint8 v) = _read(signatures, at);
            address signer = ECDSA.recover(digest, v, r, s);
            if (signer <= last) revert SignersNotAscending(last, signer);
            if (!members[signer]) revert NotASigner(signer);
            last = signer;
        }
    }

    /// @dev Reads within the length that the caller has checked; slices would check it three times a signature.
    function _read(bytes calldata signatures, uint256 at) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            let start := add(signatures.offset, at)
            r := calldataload(start)
            s := calldataload(add(start, 32))
            v := byte(0, calldataload(add(start, 64)))
        }
    }
}
