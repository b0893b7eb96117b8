// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.34;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Powers} from "./Powers.sol";

/// @title The token of a route on a public chain.
/// @notice ERC-20 with permit; a freeze list in both directions; a pause; and a ceiling on what each minter may have
/// outstanding. Not upgradeable. Nobody but a minter below its ceiling creates a token.
contract SomToken is ERC20Permit, Powers {
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");
    bytes32 public constant FREEZER_ROLE = keccak256("FREEZER_ROLE");

    /// @notice What the token knows of an account besides its balance, in one slot. `outstanding` is what a minter
    /// minted less what it burned; no mint lifts it above `ceiling`. A frozen account neither sends nor receives.
    struct Standing {
        uint96 ceiling;
        uint96 outstanding;
        bool minter;
        bool frozen;
    }

    /// @notice A raised ceiling that waits until `at`.
    struct Raise {
        uint96 ceiling;
        uint64 at;
    }

    error NotAMinter(address caller);
    error CeilingReached(uint256 amount, uint256 room);
    error AboveOutstanding(uint256 amount, uint256 outstanding);
    error AboveOpening(uint256 amount, uint256 unassigned);
    error RecipientRefused(address to);
    error AccountFrozen(address account);
    error MinterNotFrozen(address minter);
    error TransfersPaused();
    error NothingPending();
    error NotYet(uint256 allowedAt);

    event CeilingSet(address indexed minter, uint256 ceiling);
    event CeilingScheduled(address indexed minter, uint256 ceiling, uint256 at);
    event CeilingCancelled(address indexed minter);
    event OpeningAdopted(address indexed minter, uint256 amount);
    event Frozen(address indexed account);
    event Unfrozen(address indexed account);
    event Paused(address by);
    event Unpaused(address by);

    uint8 private immutable _decimals;
    bool public paused;
    mapping(address account => Standing) public standing;
    mapping(address minter => Raise) public raises;
    /// @notice Opening supply that no minter answers for yet (B11).
    uint256 public unassigned;
    address[] private _minters;

    constructor(
        string memory name_,
        string memory symbol_,
        uint8 decimals_,
        address admin,
        uint48 delay,
        address openingHolder,
        uint256 openingSupply
    ) ERC20(name_, symbol_) ERC20Permit(name_) Powers(delay, admin) {
        _decimals = decimals_;
        if (openingSupply != 0) {
            unassigned = SafeCast.toUint96(openingSupply);
            _mint(openingHolder, openingSupply);
        }
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    /// @notice Every account that ever had a ceiling, so that none goes unnoticed.
    function minters() external view returns (address[] memory) {
        return _minters;
    }

    // ------------------------------------------------------------------ minters

    /// @notice Create `amount` at `to`, within the ceiling of the caller.
    function mint(address to, uint256 amount) external {
        Standing memory minter = standing[msg.sender];
        if (!minter.minter) revert NotAMinter(msg.sender);
        if (standing[to].minter) revert RecipientRefused(to);
        uint256 room = minter.outstanding >= minter.ceiling ? 0 : minter.ceiling - minter.outstanding;
        if (amount > room) revert CeilingReached(amount, room);
        standing[msg.sender].outstanding = minter.outstanding + uint96(amount);
        _mint(to, amount);
    }

    /// @notice Destroy `amount` that the calling minter took in; never more than it has outstanding.
    function burn(uint256 amount) external {
        Standing memory minter = standing[msg.sender];
        if (!minter.minter) revert NotAMinter(msg.sender);
        if (amount > minter.outstanding) revert AboveOutstanding(amount, minter.outstanding);
        standing[msg.sender].outstanding = minter.outstanding - uint96(amount);
        _burn(msg.sender, amount);
    }

    // ------------------------------------------------------------------ admin: lower at once, higher after the delay

    /// @notice Lower a ceiling at once, or schedule a higher one. The first minter of a token without supply need not wait.
    function setCeiling(address minter, uint256 ceiling) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (minter == address(0) || minter == address(this)) revert ZeroField();
        if (raises[minter].at != 0) {
            delete raises[minter];
            emit CeilingCancelled(minter);
        }
        uint96 next = SafeCast.toUint96(ceiling);
        if (next <= standing[minter].ceiling || (_minters.length == 0 && totalSupply() == 0)) {
            _setCeiling(minter, next);
            return;
        }
        uint64 at = uint64(block.timestamp + defaultAdminDelay());
        raises[minter] = Raise(next, at);
        emit CeilingScheduled(minter, next, at);
    }

    /// @notice Put a scheduled ceiling in force once its time has come. Anyone may call.
    function applyCeiling(address minter) external {
        Raise memory raise = raises[minter];
        if (raise.at == 0) revert NothingPending();
        if (block.timestamp < raise.at) revert NotYet(raise.at);
        delete raises[minter];
        _setCeiling(minter, raise.ceiling);
    }

    /// @notice Count opening supply against a minter, which may then burn it; within its ceiling.
    function adoptOpening(address minter, uint256 amount) external onlyRole(DEFAULT_ADMIN_ROLE) {
        Standing memory next = standing[minter];
        if (!next.minter) revert NotAMinter(minter);
        if (amount == 0) revert ZeroField();
        if (amount > unassigned) revert AboveOpening(amount, unassigned);
        uint256 room = next.outstanding >= next.ceiling ? 0 : next.ceiling - next.outstanding;
        if (amount > room) revert CeilingReached(amount, room);
        unassigned -= amount;
        standing[minter].outstanding = next.outstanding + uint96(amount);
        emit OpeningAdopted(minter, amount);
    }

    // ------------------------------------------------------------------ freeze and pause

    function freeze(address account) external onlyRole(FREEZER_ROLE) {
        if (account == address(0)) revert ZeroField();
        if (standing[account].minter) revert MinterNotFrozen(account);
        standing[account].frozen = true;
        emit Frozen(account);
    }

    function unfreeze(address account) external onlyRole(FREEZER_ROLE) {
        standing[account].frozen = false;
        emit Unfrozen(account);
    }

    function pause() external onlyRole(PAUSER_ROLE) {
        paused = true;
        emit Paused(msg.sender);
    }

    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        paused = false;
        emit Unpaused(msg.sender);
    }

    // ------------------------------------------------------------------ inside

    function _setCeiling(address minter, uint96 ceiling) private {
        if (standing[minter].frozen) revert AccountFrozen(minter);
        if (!standing[minter].minter) _minters.push(minter);
        standing[minter].ceiling = ceiling;
        standing[minter].minter = true;
        emit CeilingSet(minter, ceiling);
    }

    /// @dev A minter may pull what it is about to burn, and burn it, while transfers are paused: only the bridge's own
    /// switch stops a redemption.
    function _update(address from, address to, uint256 value) internal override {
        if (to == address(this)) revert RecipientRefused(to);
        bool redemption = to == address(0);
        if (!redemption) {
            Standing memory receiver = standing[to];
            if (receiver.frozen) revert AccountFrozen(to);
            if (receiver.minter) {
                if (msg.sender != to) revert RecipientRefused(to);
                redemption = true;
            }
        }
        if (paused && !redemption) revert TransfersPaused();
        if (from != address(0) && standing[from].frozen) revert AccountFrozen(from);
        super._update(from, to, value);
    }
}
