// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.34;

import {Signatures} from "./Signatures.sol";

/// @title Sets of attestors by epoch, and the check of their signatures.
/// @dev A set is never empty, never below four, and its threshold is always floor(2n/3) + 1 (B9). The set of the epoch
/// before stays valid for a day after a rotation, unless that was immediate. No owner can change a set.
abstract contract AttestorSets {
    /// @notice Fewer than four attestors tolerate no fault at all.
    uint256 public constant ATTESTORS_MIN = 4;
    /// @notice More would make a rotation dearer than a block of a small chain allows.
    uint256 public constant ATTESTORS_MAX = 64;
    /// @notice Seconds between two rotations.
    uint64 public constant ROTATION_GAP = 1 hours;
    /// @notice Seconds for which the set of the epoch before stays valid.
    uint64 public constant OVERLAP = 24 hours;

    error AttestorCount(uint256 count);
    error AttestorsNotAscending(address before, address next);
    error ThresholdWrong(uint256 given, uint256 needed);
    error EpochUnknown(uint64 given, uint64 current);
    error EpochNotNext(uint64 given, uint64 current);
    error RotationTooSoon(uint256 allowedAt);
    error RotationHeight(uint64 given, uint64 last);

    /// @notice The set of `epoch` is in force from this transaction on; that of the epoch before ends at `previousUntil`.
    event AttestorsRotated(
        uint64 indexed epoch,
        address[] attestors,
        uint256 threshold,
        uint64 ledgerHeight,
        uint64 previousUntil
    );

    struct LastRotation {
        uint64 at;
        uint64 ledgerHeight;
    }

    LastRotation private _last;
    mapping(uint64 epoch => mapping(address attestor => bool)) private _attestors;

    /// @dev The last variables here share their slot with the switches of SomBridge, so that a mint reads both at once.
    uint64 internal _epoch;
    uint64 internal _previousUntil;
    uint8 internal _threshold;
    uint8 internal _previousThreshold;
    uint8 internal _attestorCount;

    /// @notice Whether `attestor` belongs to the set of `epoch` (of any epoch so far; validity is `setIsValid`).
    function isAttestor(uint64 epoch, address attestor) external view returns (bool) {
        return _attestors[epoch][attestor];
    }

    /// @notice Whether a signature of the set of `epoch` counts now.
    function setIsValid(uint64 epoch) public view returns (bool) {
        return epoch != 0 && (epoch == _epoch || (epoch == _epoch - 1 && block.timestamp < _previousUntil));
    }

    /// @notice When the last rotation was and at which height of the ledger it was signed.
    function lastRotation() external view returns (uint64 at, uint64 ledgerHeight) {
        return (_last.at, _last.ledgerHeight);
    }

    function _requireQuorum(bytes32 digest, uint64 setEpoch, bytes calldata signatures) internal view {
        if (!setIsValid(setEpoch)) revert EpochUnknown(setEpoch, _epoch);
        uint256 needed = setEpoch == _epoch ? _threshold : _previousThreshold;
        Signatures.requireSigners(_attestors[setEpoch], digest, needed, signatures);
    }

    /// @dev Signed by the current quorum; the set before the current one has no say in a rotation.
    function _rotate(
        bytes32 digest,
        uint64 newEpoch,
        address[] calldata attestors,
        uint256 threshold,
        uint64 ledgerHeight,
        bool immediate,
        bytes calldata signatures
    ) internal {
        if (newEpoch != _epoch + 1) revert EpochNotNext(newEpoch, _epoch);
        uint256 allowedAt = uint256(_last.at) + ROTATION_GAP;
        if (block.timestamp < allowedAt) revert RotationTooSoon(allowedAt);
        if (ledgerHeight <= _last.ledgerHeight) revert RotationHeight(ledgerHeight, _last.ledgerHeight);
        Signatures.requireSigners(_attestors[_epoch], digest, _threshold, signatures);
        _previousThreshold = _threshold;
        _previousUntil = immediate ? 0 : uint64(block.timestamp) + OVERLAP;
        _install(newEpoch, attestors, threshold, ledgerHeight);
    }

    function _install(uint64 epoch, address[] memory attestors, uint256 threshold, uint64 ledgerHeight) internal {
        uint256 count = attestors.length;
        if (count < ATTESTORS_MIN || count > ATTESTORS_MAX) revert AttestorCount(count);
        uint256 needed = (2 * count) / 3 + 1;
        if (threshold != needed) revert ThresholdWrong(threshold, needed);
        address last = address(0);
        for (uint256 i = 0; i < count; ++i) {
            address next = attestors[i];
            if (next <= last) revert AttestorsNotAscending(last, next);
            _attestors[epoch][next] = true;
            last = next;
        }
        _epoch = epoch;
        _threshold = uint8(threshold);
        _attestorCount = uint8(count);
        _last = LastRotation(uint64(block.timestamp), ledgerHeight);
        emit AttestorsRotated(epoch, attestors, threshold, ledgerHeight, _previousUntil);
    }
}
