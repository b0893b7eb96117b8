// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.34;

/// @title What attestors and reserve signers sign: four EIP-712 types and their struct hashes.
/// @dev Every field that is executed is covered (B3). The domain is that of SomBridge:
/// {name "DigitalSomBridge", version "1", chainId, verifyingContract}.
library Attestations {
    /// @notice The locked-supply attestation: at `ledgerHeight`, this much had been locked and refunded in all.
    struct Checkpoint {
        bytes32 routeId;
        uint64 setEpoch;
        uint64 ledgerHeight;
        bytes32 ledgerBlockHash;
        uint64 lockCount;
        uint256 cumulativeLocked;
        uint256 cumulativeRefunded;
        uint64 issuedAt;
    }

    /// @notice Leave to mint one lock, with the totals of the height it was read at.
    struct MintAuth {
        bytes32 routeId;
        uint64 setEpoch;
        uint64 nonce;
        bytes32 lockId;
        address recipient;
        uint256 amount;
        uint64 deadline;
        uint64 ledgerHeight;
        bytes32 ledgerBlockHash;
        uint256 cumulativeLocked;
        uint256 cumulativeRefunded;
    }

    /// @notice The next set of attestors, signed by the quorum of the current one.
    struct RotateAttestors {
        bytes32 routeId;
        uint64 newEpoch;
        address[] attestors;
        uint256 threshold;
        uint64 ledgerHeight;
        bool immediate;
    }

    /// @notice What treasury and auditor counted in the vault of the route.
    struct ReserveStatement {
        bytes32 routeId;
        uint64 ledgerHeight;
        bytes32 ledgerBlockHash;
        uint256 cumulativeLocked;
        uint256 cumulativeRefunded;
        uint256 cumulativeReleased;
        uint256 vaultBalance;
        uint64 issuedAt;
    }

    bytes32 internal constant CHECKPOINT_TYPEHASH = keccak256(
        "Checkpoint(bytes32 routeId,uint64 setEpoch,uint64 ledgerHeight,bytes32 ledgerBlockHash,uint64 lockCount,"
        "uint256 cumulativeLocked,uint256 cumulativeRefunded,uint64 issuedAt)"
    );
    bytes32 internal constant MINT_AUTH_TYPEHASH = keccak256(
        "MintAuth(bytes32 routeId,uint64 setEpoch,uint64 nonce,bytes32 lockId,address recipient,uint256 amount,"
        "uint64 deadline,uint64 ledgerHeight,bytes32 ledgerBlockHash,uint256 cumulativeLocked,uint256 cumulativeRefunded)"
    );
    bytes32 internal constant ROTATE_TYPEHASH = keccak256(
        "RotateAttestors(bytes32 routeId,uint64 newEpoch,address[] attestors,uint256 threshold,uint64 ledgerHeight,"
        "bool immediate)"
    );
    bytes32 internal constant RESERVE_TYPEHASH = keccak256(
        "ReserveStatement(bytes32 routeId,uint64 ledgerHeight,bytes32 ledgerBlockHash,uint256 cumulativeLocked,"
        "uint256 cumulativeRefunded,uint256 cumulativeReleased,uint256 vaultBalance,uint64 issuedAt)"
    );

    function hash(Checkpoint calldata message) internal pure returns (bytes32) {
        return keccak256(abi.encode(CHECKPOINT_TYPEHASH, message));
    }

    function hash(MintAuth calldata message) internal pure returns (bytes32) {
        return keccak256(abi.encode(MINT_AUTH_TYPEHASH, message));
    }

    function hash(RotateAttestors calldata message) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ROTATE_TYPEHASH,
                message.routeId,
                message.newEpoch,
                keccak256(abi.encodePacked(message.attestors)),
                message.threshold,
                message.ledgerHeight,
                message.immediate
            )
        );
    }

    function hash(ReserveStatement calldata message) internal pure returns (bytes32) {
        return keccak256(abi.encode(RESERVE_TYPEHASH, message));
    }
}
