// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.34;

/// @title How fast money may appear: per mint, per day, and a token bucket.
/// @dev The last line when a whole quorum is rogue (Ronin 2024). Live from block 0; lowering works at once, raising after
/// the delay. Limits stop minting only: a burn is never limited here.
abstract contract MintLimits {
    /// @notice Minor units; `bucketRefill` is minor units per second. 64 bits hold more than the ledger's AMOUNT_MAX.
    struct Limits {
        uint64 perMint;
        uint64 perDay;
        uint64 bucketCapacity;
        uint64 bucketRefill;
    }

    /// @dev `day` counts days of 86,400 s since 1970; `bucketAt` is the second at which `bucketLevel` was true.
    struct Usage {
        uint64 bucketLevel;
        uint64 bucketAt;
        uint64 dayUsed;
        uint64 day;
    }

    error MintTooLarge(uint256 amount, uint256 limit);
    error BucketTooLow(uint256 amount, uint256 available);
    error DayLimitReached(uint256 amount, uint256 available);
    error LimitZero();
    error NothingPending();
    error NotYet(uint256 allowedAt);

    event LimitsSet(Limits limits);
    event LimitsScheduled(Limits limits, uint256 at);
    event LimitsCancelled();

    Limits private _limits;
    Limits private _pending;
    uint64 private _pendingAt;
    Usage private _usage;

    /// @notice The limits in force.
    function limits() public view returns (Limits memory) {
        return _limits;
    }

    /// @notice The limits that a call of `applyLimits` sets from `at` on; `at` is 0 when none wait.
    function pendingLimits() external view returns (Limits memory next, uint256 at) {
        return (_pending, _pendingAt);
    }

    /// @notice What the bucket and the day still allow now.
    function mintable() public view returns (uint256 bucket, uint256 day) {
        Limits memory limit = _limits;
        Usage memory usage = _usageNow(limit);
        return (usage.bucketLevel, usage.dayUsed >= limit.perDay ? 0 : limit.perDay - usage.dayUsed);
    }

    /// @notice Put the scheduled limits in force once their time has come. Anyone may call.
    function applyLimits() external {
        if (_pendingAt == 0) revert NothingPending();
        if (block.timestamp < _pendingAt) revert NotYet(_pendingAt);
        Limits memory next = _pending;
        _forget();
        _put(next);
    }

    function _openLimits(Limits memory first) internal {
        if (first.perMint == 0 || first.perDay == 0 || first.bucketCapacity == 0 || first.bucketRefill == 0) {
            revert LimitZero();
        }
        _limits = first;
        _usage = Usage(first.bucketCapacity, uint64(block.timestamp), 0, uint64(block.timestamp / 1 days));
        emit LimitsSet(first);
    }

    /// @dev Each lower field works at once; if any is higher, all of `next` waits for the delay. What waited before is gone.
    function _changeLimits(Limits memory next, uint256 delay) internal {
        Limits memory old = _limits;
        if (_pendingAt != 0) {
            _forget();
            emit LimitsCancelled();
        }
        _put(
            Limits(
                _lower(next.perMint, old.perMint),
                _lower(next.perDay, old.perDay),
                _lower(next.bucketCapacity, old.bucketCapacity),
                _lower(next.bucketRefill, old.bucketRefill)
            )
        );
        bool raises = next.perMint > old.perMint || next.perDay > old.perDay
            || next.bucketCapacity > old.bucketCapacity || next.bucketRefill > old.bucketRefill;
        if (raises) {
            _pending = next;
            _pendingAt = uint64(block.timestamp + delay);
            emit LimitsScheduled(next, block.timestamp + delay);
        }
    }

    function _cancelLimits() internal {
        if (_pendingAt == 0) revert NothingPending();
        _forget();
        emit LimitsCancelled();
    }

    function _spend(uint256 amount) internal {
        Limits memory limit = _limits;
        Usage memory usage = _usageNow(limit);
        if (amount > limit.perMint) revert MintTooLarge(amount, limit.perMint);
        if (amount > usage.bucketLevel) revert BucketTooLow(amount, usage.bucketLevel);
        uint256 used = usage.dayUsed + amount;
        if (used > limit.perDay) {
            revert DayLimitReached(amount, usage.dayUsed >= limit.perDay ? 0 : limit.perDay - usage.dayUsed);
        }
        usage.bucketLevel -= uint64(amount);
        usage.dayUsed = uint64(used);
        _usage = usage;
    }

    function _put(Limits memory next) private {
        Usage memory usage = _usageNow(_limits);
        usage.bucketLevel = _lower(usage.bucketLevel, next.bucketCapacity);
        _usage = usage;
        _limits = next;
        emit LimitsSet(next);
    }

    function _forget() private {
        delete _pending;
        _pendingAt = 0;
    }

    function _usageNow(Limits memory limit) private view returns (Usage memory usage) {
        usage = _usage;
        uint256 level = usage.bucketLevel + uint256(limit.bucketRefill) * (block.timestamp - usage.bucketAt);
        usage.bucketLevel = level > limit.bucketCapacity ? limit.bucketCapacity : uint64(level);
        usage.bucketAt = uint64(block.timestamp);
        uint64 today = uint64(block.timestamp / 1 days);
        if (usage.day != today) {
            usage.day = today;
            usage.dayUsed = 0;
        }
    }

    function _lower(uint64 one, uint64 other) private pure returns (uint64) {
        return one < other ? one : other;
    }
}
