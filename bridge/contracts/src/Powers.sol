// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.34;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {AccessControlDefaultAdminRules} from
    "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";

/// @title One admin behind a delay, and roles whose holders are counted.
/// @dev The delay of the admin is also that of whatever is loosened, so it can never be set below an hour. The count lets
/// a checker notice a holder that no plan names.
abstract contract Powers is AccessControlDefaultAdminRules {
    /// @notice Seconds, the least and the most for which a loosened limit and a new admin wait.
    uint48 public constant DELAY_MIN = 1 hours;
    uint48 public constant DELAY_MAX = 30 days;

    error ZeroField();
    error DelayWrong(uint48 delay);

    /// @notice How many accounts hold a role.
    mapping(bytes32 role => uint256) public holders;

    constructor(uint48 delay, address admin) AccessControlDefaultAdminRules(delay, admin) {
        _requireDelay(delay);
    }

    function _grantRole(bytes32 role, address account) internal override returns (bool granted) {
        granted = super._grantRole(role, account);
        if (granted) ++holders[role];
    }

    function _revokeRole(bytes32 role, address account) internal override returns (bool revoked) {
        revoked = super._revokeRole(role, account);
        if (revoked) --holders[role];
    }

    function _changeDefaultAdminDelay(uint48 newDelay) internal override {
        _requireDelay(newDelay);
        super._changeDefaultAdminDelay(newDelay);
    }

    function _requireDelay(uint48 delay) private pure {
        if (delay < DELAY_MIN || delay > DELAY_MAX) revert DelayWrong(delay);
    }
}
