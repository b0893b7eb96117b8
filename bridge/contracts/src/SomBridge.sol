// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.34;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Attestations} from "./Attestations.sol";
import {AttestorSets} from "./AttestorSets.sol";
import {ISomToken} from "./ISomToken.sol";
import {MintLimits} from "./MintLimits.sol";
import {Powers} from "./Powers.sol";
import {ReserveBound} from "./ReserveBound.sol";

/// @title Mints what attestors say is locked at home, never more; burns to release the lock.
/// @notice Rule: minted <= locked - refunded of the newest attested height of the ledger. Totals only grow. There is no
/// owner path to a mint, no generic call, no upgrade; a bridge is replaced by the ceiling of its token.
contract SomBridge is EIP712, Powers, MintLimits, ReserveBound, AttestorSets {
    using SafeERC20 for ISomToken;

    /// @notice May pause minting and burning, and cancel what waits; cannot loosen anything.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");

    /// @notice What a bridge is born with; see the README for each.
    struct Configuration {
        bytes32 routeId;
        address token;
        uint8 decimals;
        uint256 opening;
        address predecessor;
        address admin;
        uint48 delay;
        address guardian;
        Limits limits;
        address[] attestors;
        uint256 threshold;
        address[] reserveSigners;
        uint256 reserveThreshold;
    }

    /// @notice Everything that a watcher needs, in one call.
    struct State {
        bytes32 routeId;
        address token;
        uint64 epoch;
        uint64 previousUntil;
        uint256 threshold;
        uint256 attestorCount;
        uint64 ledgerHeight;
        uint64 lockCount;
        uint64 issuedAt;
        uint256 cumulativeLocked;
        uint256 cumulativeRefunded;
        uint256 cumulativeMinted;
        uint256 cumulativeBurned;
        uint64 burnCount;
        uint256 opening;
        uint256 outstanding;
        uint256 headroom;
        bool reserveRequired;
        bool mintPaused;
        bool burnPaused;
        bool retired;
        address otherBridge;
    }

    /// @dev One slot: the newest attested height, by checkpoint or mint.
    struct Attested {
        uint64 ledgerHeight;
        uint96 locked;
        uint96 refunded;
    }

    /// @dev One slot: what this contract did. `burnCount` is the nonce of the newest burn; the first is 1.
    struct Totals {
        uint96 minted;
        uint96 burned;
        uint64 burnCount;
    }

    error DecimalsDiffer(uint8 token, uint8 route);
    error WrongRoute(bytes32 given);
    error HeightNotAbove(uint64 given, uint64 last);
    error TotalsFell();
    error TotalsImpossible();
    error AttestationConflict(uint64 ledgerHeight);
    error MintingPaused();
    error BurningPaused();
    error BridgeRetired();
    error DeadlinePassed(uint64 deadline);
    error NonceUsed(uint64 nonce);
    error AboveLocked(uint256 amount, uint256 headroom);
    error RecipientChecksum(bytes32 ledgerRecipient);
    error AboveOutstanding(uint256 amount, uint256 outstanding, address otherBridge);
    error SupplyMoved(uint256 expected, uint256 found);

    event CheckpointTaken(
        uint64 indexed ledgerHeight,
        uint64 indexed setEpoch,
        bytes32 ledgerBlockHash,
        uint64 lockCount,
        uint256 cumulativeLocked,
        uint256 cumulativeRefunded,
        uint64 issuedAt
    );
    event Minted(
        uint64 indexed nonce,
        bytes32 indexed lockId,
        address indexed recipient,
        uint256 amount,
        uint256 cumulativeMinted,
        uint64 ledgerHeight,
        uint256 cumulativeLocked,
        uint256 cumulativeRefunded
    );
    event Burned(
        uint64 indexed nonce,
        address indexed from,
        bytes32 indexed ledgerRecipient,
        uint256 amount,
        uint256 cumulativeBurned
    );
    event MintPaused(address by);
    event MintUnpaused(address by);
    event BurnPaused(address by);
    event BurnUnpaused(address by);
    event Retired(address successor);

    bool private _mintPaused;
    bool private _burnPaused;
    bool private _retired;
    bool private _reserveRequired;
    bytes32 public immutable routeId;
    ISomToken public immutable token;
    /// @notice The supply that circulated before this bridge and that it takes back (B11).
    uint256 public immutable opening;
    /// @notice The bridge before this one; zero when there was none.
    address public immutable predecessor;
    /// @notice The bridge after this one; zero until retired, or when none follows.
    address public successor;

    Attested private _attested;
    Totals private _totals;
    /// @dev Written by checkpoints only, so that a mint need not.
    uint64 private _lockCount;
    uint64 private _issuedAt;
    mapping(uint256 word => uint256 bits) private _nonces;

    constructor(Configuration memory born)
        EIP712("DigitalSomBridge", "1")
        Powers(born.delay, born.admin)
    {
        if (born.routeId == 0 || born.token == address(0) || born.guardian == address(0)) revert ZeroField();
        uint8 decimals = ISomToken(born.token).decimals();
        if (decimals != born.decimals) revert DecimalsDiffer(decimals, born.decimals);
        routeId = born.routeId;
        token = ISomToken(born.token);
        opening = SafeCast.toUint96(born.opening);
        predecessor = born.predecessor;
        _grantRole(GUARDIAN_ROLE, born.guardian);
        _openLimits(born.limits);
        _install(1, born.attestors, born.threshold, 0);
        if (born.reserveSigners.length != 0 || born.reserveThreshold != 0) {
            _installReserve(born.reserveSigners, born.reserveThreshold);
        }
    }

    // ------------------------------------------------------------------ what anyone may carry here

    /// @notice Take a locked-supply attestation: it raises the bound of all mints.
    function checkpoint(Attestations.Checkpoint calldata attestation, bytes calldata signatures) external {
        _requireRoute(attestation.routeId, attestation.ledgerBlockHash);
        uint64 last = _attested.ledgerHeight;
        if (attestation.ledgerHeight <= last) revert HeightNotAbove(attestation.ledgerHeight, last);
        if (attestation.lockCount < _lockCount) revert TotalsFell();
        _requireQuorum(checkpointDigest(attestation), attestation.setEpoch, signatures);
        _attest(attestation.ledgerHeight, attestation.cumulativeLocked, attestation.cumulativeRefunded);
        _lockCount = attestation.lockCount;
        _issuedAt = attestation.issuedAt;
        emit CheckpointTaken(
            attestation.ledgerHeight,
            attestation.setEpoch,
            attestation.ledgerBlockHash,
            attestation.lockCount,
            attestation.cumulativeLocked,
            attestation.cumulativeRefunded,
            attestation.issuedAt
        );
    }

    /// @notice Mint one lock to its recipient, once, before its deadline.
    function mint(Attestations.MintAuth calldata auth, bytes calldata signatures) external {
        if (_retired) revert BridgeRetired();
        if (_mintPaused) revert MintingPaused();
        _requireRoute(auth.routeId, auth.ledgerBlockHash);
        if (auth.lockId == 0 || auth.recipient == address(0) || auth.amount == 0) revert ZeroField();
        if (block.timestamp > auth.deadline) revert DeadlinePassed(auth.deadline);
        _useNonce(auth.nonce);
        _requireQuorum(mintDigest(auth), auth.setEpoch, signatures);
        uint256 room = _attest(auth.ledgerHeight, auth.cumulativeLocked, auth.cumulativeRefunded);
        Totals memory totals = _totals;
        room = _headroom(room, totals.minted);
        if (auth.amount > room) revert AboveLocked(auth.amount, room);
        _spend(auth.amount);
        totals.minted += uint96(auth.amount); // not above the room, which 96 bits hold
        _totals = totals;
        emit Minted(
            auth.nonce,
            auth.lockId,
            auth.recipient,
            auth.amount,
            totals.minted,
            auth.ledgerHeight,
            auth.cumulativeLocked,
            auth.cumulativeRefunded
        );
        uint256 expected = token.totalSupply() + auth.amount;
        token.mint(auth.recipient, auth.amount);
        _requireSupply(expected);
    }

    /// @notice Install the next attestors, by the quorum of the current ones.
    function rotate(Attestations.RotateAttestors calldata next, bytes calldata signatures) external {
        if (next.routeId != routeId) revert WrongRoute(next.routeId);
        _rotate(
            rotateDigest(next),
            next.newEpoch,
            next.attestors,
            next.threshold,
            next.ledgerHeight,
            next.immediate,
            signatures
        );
    }

    /// @notice Take a statement of the second key set.
    function submitReserve(Attestations.ReserveStatement calldata statement, bytes calldata signatures) external {
        _requireRoute(statement.routeId, statement.ledgerBlockHash);
        _state(statement, reserveDigest(statement), opening, signatures);
    }

    // ------------------------------------------------------------------ what holders do

    /// @notice Destroy `amount` of the caller's tokens; the ledger pays `ledgerRecipient` at home. Needs an allowance.
    function burn(uint256 amount, bytes32 ledgerRecipient) external {
        _burn(amount, ledgerRecipient);
    }

    /// @notice The same with the allowance signed. A permit that somebody else carried first does no harm.
    function burnWithPermit(
        uint256 amount,
        bytes32 ledgerRecipient,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _burn(amount, ledgerRecipient);
    }

    // ------------------------------------------------------------------ guardian and admin: only the stricter at once

    function pauseMint() external onlyRole(GUARDIAN_ROLE) {
        _mintPaused = true;
        emit MintPaused(msg.sender);
    }

    function unpauseMint() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _mintPaused = false;
        emit MintUnpaused(msg.sender);
    }

    function pauseBurn() external onlyRole(GUARDIAN_ROLE) {
        if (_retired) revert BridgeRetired();
        _burnPaused = true;
        emit BurnPaused(msg.sender);
    }

    function unpauseBurn() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _burnPaused = false;
        emit BurnUnpaused(msg.sender);
    }

    /// @notice Lower fields work at once; if any is higher, all of `next` waits for the delay of the admin.
    function setLimits(Limits calldata next) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _changeLimits(next, defaultAdminDelay());
    }

    function cancelLimits() external onlyRole(GUARDIAN_ROLE) {
        _cancelLimits();
    }

    /// @notice From now on the smaller of both bounds counts.
    function requireReserve() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _turnReserveOn();
        _reserveRequired = true;
    }

    function scheduleReserveRelease() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _scheduleRelease(defaultAdminDelay());
    }

    /// @notice Anyone may call once the delay is over.
    function releaseReserve() external {
        _release();
        _reserveRequired = false;
    }

    function scheduleReserveSigners(address[] calldata signers, uint256 threshold) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _scheduleReserve(signers, threshold, defaultAdminDelay());
    }

    /// @notice End minting for ever and keep burning open for ever (B11).
    function retire(address next) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (_retired) revert BridgeRetired();
        _retired = true;
        _burnPaused = false;
        successor = next;
        emit Retired(next);
    }

    // ------------------------------------------------------------------ what anyone may read

    function nonceUsed(uint64 nonce) public view returns (bool) {
        return _nonces[nonce >> 8] & (1 << (nonce & 0xff)) != 0;
    }

    function outstanding() public view returns (uint256) {
        Totals memory totals = _totals;
        return opening + totals.minted - totals.burned;
    }

    /// @notice What could be minted now if a lock waited, before the limits.
    function headroom() public view returns (uint256) {
        return _headroom(uint256(_attested.locked) - _attested.refunded, _totals.minted);
    }

    /// @notice Where to burn what this bridge did not mint: its successor, else its predecessor.
    function otherBridge() public view returns (address) {
        return successor != address(0) ? successor : predecessor;
    }

    function state() external view returns (State memory all) {
        all.routeId = routeId;
        all.token = address(token);
        all.epoch = _epoch;
        all.previousUntil = _previousUntil;
        all.threshold = _threshold;
        all.attestorCount = _attestorCount;
        all.ledgerHeight = _attested.ledgerHeight;
        all.lockCount = _lockCount;
        all.issuedAt = _issuedAt;
        all.cumulativeLocked = _attested.locked;
        all.cumulativeRefunded = _attested.refunded;
        all.cumulativeMinted = _totals.minted;
        all.cumulativeBurned = _totals.burned;
        all.burnCount = _totals.burnCount;
        all.opening = opening;
        all.outstanding = outstanding();
        all.headroom = headroom();
        all.reserveRequired = _reserveRequired;
        all.mintPaused = _mintPaused;
        all.burnPaused = _burnPaused;
        all.retired = _retired;
        all.otherBridge = otherBridge();
    }

    function checkpointDigest(Attestations.Checkpoint calldata attestation) public view returns (bytes32) {
        return _hashTypedDataV4(Attestations.hash(attestation));
    }

    function mintDigest(Attestations.MintAuth calldata auth) public view returns (bytes32) {
        return _hashTypedDataV4(Attestations.hash(auth));
    }

    function rotateDigest(Attestations.RotateAttestors calldata next) public view returns (bytes32) {
        return _hashTypedDataV4(Attestations.hash(next));
    }

    function reserveDigest(Attestations.ReserveStatement calldata statement) public view returns (bytes32) {
        return _hashTypedDataV4(Attestations.hash(statement));
    }

    // ------------------------------------------------------------------ inside

    function _requireRoute(bytes32 given, bytes32 ledgerBlockHash) private view {
        if (given != routeId) revert WrongRoute(given);
        if (ledgerBlockHash == 0) revert ZeroField();
    }

    function _useNonce(uint64 nonce) private {
        uint256 word = nonce >> 8;
        uint256 bits = _nonces[word];
        uint256 bit = 1 << (nonce & 0xff);
        if (bits & bit != 0) revert NonceUsed(nonce);
        _nonces[word] = bits | bit;
    }

    /// @dev Totals never fall as the height rises, in either direction, and one height has one pair of totals. Returns
    /// locked - refunded of the newest height.
    function _attest(uint64 ledgerHeight, uint256 locked, uint256 refunded) private returns (uint256) {
        Attested memory last = _attested;
        if (refunded > locked) revert TotalsImpossible();
        if (ledgerHeight > last.ledgerHeight) {
            if (locked < last.locked || refunded < last.refunded) revert TotalsFell();
            _attested = Attested(ledgerHeight, SafeCast.toUint96(locked), SafeCast.toUint96(refunded));
            return locked - refunded;
        }
        if (ledgerHeight == last.ledgerHeight) {
            if (locked != last.locked || refunded != last.refunded) revert AttestationConflict(ledgerHeight);
        } else if (locked > last.locked || refunded > last.refunded) {
            revert TotalsFell();
        }
        return uint256(last.locked) - last.refunded;
    }

    /// @dev The smaller of both bounds, less what was minted. A refund that overtakes a mint leaves no room, not a fault.
    function _headroom(uint256 bound, uint256 minted) private view returns (uint256) {
        if (_reserveRequired) {
            uint256 other = _stated.locked < _stated.refunded ? 0 : uint256(_stated.locked) - _stated.refunded;
            if (other < bound) bound = other;
        }
        return bound > minted ? bound - minted : 0;
    }

    function _burn(uint256 amount, bytes32 ledgerRecipient) private {
        if (_burnPaused) revert BurningPaused();
        if (amount == 0) revert ZeroField();
        _requireRecipient(ledgerRecipient);
        uint256 left = outstanding();
        if (amount > left) revert AboveOutstanding(amount, left, otherBridge());
        Totals memory totals = _totals;
        totals.burned += uint96(amount);
        totals.burnCount += 1;
        _totals = totals;
        emit Burned(totals.burnCount, msg.sender, ledgerRecipient, amount, totals.burned);
        uint256 expected = token.totalSupply() - amount;
        token.safeTransferFrom(msg.sender, address(this), amount);
        token.burn(amount);
        _requireSupply(expected);
    }

    /// @dev B13: 28 bytes of a hash and the first 4 of their keccak; a typing error must not cost the money.
    function _requireRecipient(bytes32 ledgerRecipient) private pure {
        bytes28 body = bytes28(ledgerRecipient);
        if (body == 0 || bytes4(keccak256(abi.encodePacked(body))) != bytes4(ledgerRecipient << 224)) {
            revert RecipientChecksum(ledgerRecipient);
        }
    }

    /// @dev A token that takes a fee or lies about its supply is refused with the transaction.
    function _requireSupply(uint256 expected) private view {
        uint256 found = token.totalSupply();
        if (found != expected) revert SupplyMoved(expected, found);
    }
}
