// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.34;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token of another maker, for tests: a supply that was there before, 18 decimals, a fee when told to.
/// @dev Never deployed outside of tests.
contract OddToken is ERC20 {
    uint8 private immutable _decimals;
    /// @notice Minor units kept back by each mint and each burn.
    uint256 public fee;

    constructor(uint8 decimals_, address holder, uint256 supply) ERC20("Odd", "ODD") {
        _decimals = decimals_;
        _mint(holder, supply);
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function setFee(uint256 next) external {
        fee = next;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount - fee);
    }

    function burn(uint256 amount) external {
        _burn(msg.sender, amount - fee);
    }
}
