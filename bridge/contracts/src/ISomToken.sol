// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.34;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @title What a bridge needs of a token: SomToken, or a token of another maker that made the bridge its minter.
interface ISomToken is IERC20Metadata {
    /// @notice Create `amount` at `to`; only a minter.
    function mint(address to, uint256 amount) external;

    /// @notice Destroy `amount` of the caller's own balance; only a minter.
    function burn(uint256 amount) external;
}
