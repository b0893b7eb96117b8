// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.34;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Attestations} from "./Attestations.sol";
import {Signatures} from "./Signatures.sol";

/// @title The second key set: treasury and auditor state what the vault holds, and the smaller bound counts.
/// @dev Off by default, because its signers must answer within a block or minting waits for people. Turning it on works
/// at once; turning it off, and changing its signers, waits for the delay.
abstract contract ReserveBound {
    /// @notice More signers than this is not a second key set but a second attestor set.
    uint256 public constant RESERVE_SIGNERS_MAX = 16;

    /// @dev One slot: the newest statement.
    struct Stated {
        uint64 ledgerHeight;
        uint96 locked;
        uint96 refunded;
    }

    error ReserveSignersWrong(uint256 count, uint256 threshold);
    error ReserveSignersNotAscending(address before, address next);
    error ReserveHeight(uint64 given, uint64 last);
    error ReserveFell();
    error ReserveUnequal(uint256 vaultBalance, uint256 expected);
    error ReserveOff();
    error NothingScheduled();
    error ScheduledFor(uint256 allowedAt);

    event ReserveStated(
        uint64 indexed ledgerHeight,
        bytes32 ledgerBlockHash,
        uint256 cumulativeLocked,
        uint256 cumulativeRefunded,
        uint256 cumulativeReleased,
        uint256 vaultBalance,
        uint64 issuedAt
    );
    event ReserveRequired();
    event ReserveReleaseScheduled(uint256 at);
    event ReserveReleased();
    event ReserveSignersScheduled(address[] signers, uint256 threshold, uint256 at);
    event ReserveSignersSet(uint64 indexed version, address[] signers, uint256 threshold);

    mapping(uint64 version => mapping(address signer => bool)) private _reserveSigners;
    Stated internal _stated;
    uint96 private _releasedAtHome;
    uint64 private _reserveVersion;
    uint8 private _reserveThreshold;
    uint64 private _releaseAt;
    address[] private _nextSigners;
    uint256 private _nextThreshold;
    uint256 private _nextSignersAt;

    /// @notice Version and threshold of the second key set; threshold 0 when there is none.
    function reserveSet() public view returns (uint64 version, uint256 threshold) {
        return (_reserveVersion, _reserveThreshold);
    }

    /// @notice Whether `signer` belongs to the second key set now.
    function isReserveSigner(address signer) external view returns (bool) {
        return _reserveSigners[_reserveVersion][signer];
    }

    /// @notice The newest statement: its height, totals locked, refunded and released.
    function reserveStated() external view returns (uint64 height, uint256 locked, uint256 refunded, uint256 released) {
        return (_stated.ledgerHeight, _stated.locked, _stated.refunded, _releasedAtHome);
    }

    /// @notice What is scheduled: when the second bound may be released, and the next signers; 0 when nothing is.
    function reservePending()
        external
        view
        returns (uint256 releaseAt, address[] memory signers, uint256 threshold, uint256 signersAt)
    {
        return (_releaseAt, _nextSigners, _nextThreshold, _nextSignersAt);
    }

    /// @notice Put the scheduled signers in force once their time has come. Anyone may call.
    function applyReserveSigners() external {
        _requireDue(_nextSignersAt);
        address[] memory signers = _nextSigners;
        uint256 threshold = _nextThreshold;
        delete _nextSigners;
        _nextThreshold = 0;
        _nextSignersAt = 0;
        _installReserve(signers, threshold);
    }

    /// @dev The vault must add up: V + R + F = opening + L, or what was signed is not what the ledger says (section 1).
    function _state(
        Attestations.ReserveStatement calldata statement,
        bytes32 digest,
        uint256 opening,
        bytes calldata signatures
    ) internal {
        Stated memory last = _stated;
        if (statement.ledgerHeight <= last.ledgerHeight) {
            revert ReserveHeight(statement.ledgerHeight, last.ledgerHeight);
        }
        Signatures.requireSigners(_reserveSigners[_reserveVersion], digest, _reserveThreshold, signatures);
        Stated memory next = Stated(
            statement.ledgerHeight,
            SafeCast.toUint96(statement.cumulativeLocked),
            SafeCast.toUint96(statement.cumulativeRefunded)
        );
        uint96 released = SafeCast.toUint96(statement.cumulativeReleased);
        if (next.locked < last.locked || next.refunded < last.refunded || released < _releasedAtHome) {
            revert ReserveFell();
        }
        uint256 inflow = opening + next.locked;
        uint256 outflow = uint256(next.refunded) + released;
        uint256 expected = inflow < outflow ? 0 : inflow - outflow;
        if (inflow < outflow || statement.vaultBalance != expected) {
            revert ReserveUnequal(statement.vaultBalance, expected);
        }
        _stated = next;
        _releasedAtHome = released;
        _announce(statement);
    }

    function _announce(Attestations.ReserveStatement calldata statement) private {
        emit ReserveStated(
            statement.ledgerHeight,
            statement.ledgerBlockHash,
            statement.cumulativeLocked,
            statement.cumulativeRefunded,
            statement.cumulativeReleased,
            statement.vaultBalance,
            statement.issuedAt
        );
    }

    function _installReserve(address[] memory signers, uint256 threshold) internal {
        _checkReserve(signers, threshold);
        uint64 version = _reserveVersion + 1;
        for (uint256 i = 0; i < signers.length; ++i) {
            _reserveSigners[version][signers[i]] = true;
        }
        _reserveVersion = version;
        _reserveThreshold = uint8(threshold);
        emit ReserveSignersSet(version, signers, threshold);
    }

    function _scheduleReserve(address[] memory signers, uint256 threshold, uint256 delay) internal {
        _checkReserve(signers, threshold);
        _nextSigners = signers;
        _nextThreshold = threshold;
        _nextSignersAt = block.timestamp + delay;
        emit ReserveSignersScheduled(signers, threshold, _nextSignersAt);
    }

    /// @dev Turning on works at once, and forgets a release that waited.
    function _turnReserveOn() internal {
        if (_reserveThreshold == 0) revert ReserveOff();
        _releaseAt = 0;
        emit ReserveRequired();
    }

    function _scheduleRelease(uint256 delay) internal {
        _releaseAt = uint64(block.timestamp + delay);
        emit ReserveReleaseScheduled(_releaseAt);
    }

    function _release() internal {
        _requireDue(_releaseAt);
        _releaseAt = 0;
        emit ReserveReleased();
    }

    /// @dev At least two of at most sixteen, and no threshold that one key could reach.
    function _checkReserve(address[] memory signers, uint256 threshold) private pure {
        uint256 count = signers.length;
        if (threshold < 2 || threshold > count || count > RESERVE_SIGNERS_MAX) {
            revert ReserveSignersWrong(count, threshold);
        }
        address last = address(0);
        for (uint256 i = 0; i < count; ++i) {
            if (signers[i] <= last) revert ReserveSignersNotAscending(last, signers[i]);
            last = signers[i];
        }
    }

    function _requireDue(uint256 at) private view {
        if (at == 0) revert NothingScheduled();
        if (block.timestamp < at) revert ScheduledFor(at);
    }
}
