// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.34;

import {Attestations} from "../../src/Attestations.sol";
import {MintLimits} from "../../src/MintLimits.sol";
import {SomBridge} from "../../src/SomBridge.sol";
import {SomToken} from "../../src/SomToken.sol";

interface Vm {
    function addr(uint256 key) external returns (address);
    function sign(uint256 key, bytes32 digest) external returns (uint8 v, bytes32 r, bytes32 s);
    function prank(address sender) external;
    function warp(uint256 time) external;
}

/// @notice What the fuzzer may do: a home ledger that locks and refunds, a rogue quorum, relayers in any order, holders.
/// @dev Ghost totals are kept here, from what the handler asked for and saw succeed.
contract Handler {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bytes32 private constant ROUTE = keccak256("route");
    bytes32 private constant BLOCK = keccak256("block");

    SomToken public token;
    SomBridge public bridge;
    uint256[] private _keys;
    address[] private _holders;
    uint64 public epoch = 1;

    uint256 public locked;
    uint256 public refunded;
    uint64 public height = 1;
    uint256 public minted;
    uint256 public burned;
    uint256 public highestBound;
    uint256 public mints;
    uint256 public startedAt;
    mapping(uint64 nonce => uint256 times) public timesMinted;
    mapping(uint64 height => uint256 total) private _lockedAt;
    mapping(uint64 height => uint256 total) private _refundedAt;
    uint64 private _newest;
    uint256 private _newestBound;
    bool public repeated;
    bool public late;
    bool public thin;
    bool public foreign;
    bool public beyond;

    constructor() {
        VM.warp(1_800_000_000);
        startedAt = block.timestamp;
        token = new SomToken("Som", "KGST", 2, address(this), 1 hours, address(0), 0);
        _sortKeys(1);
        SomBridge.Configuration memory born;
        born.routeId = ROUTE;
        born.token = address(token);
        born.decimals = 2;
        born.admin = address(this);
        born.delay = 1 hours;
        born.guardian = address(this);
        born.limits = MintLimits.Limits(1e9, 5e9, 2e9, 1e5);
        born.attestors = _addresses();
        born.threshold = 3;
        bridge = new SomBridge(born);
        token.setCeiling(address(bridge), 1e12);
        for (uint160 i = 1; i <= 3; ++i) _holders.push(address(0xC0DE + i));
    }

    function lock(uint256 amount) external {
        locked += amount % 1e9;
        _next();
    }

    function refund(uint256 amount) external {
        uint256 open = locked - refunded;
        refunded += open == 0 ? 0 : amount % open;
        _next();
    }

    function wait(uint256 time) external {
        VM.warp(block.timestamp + (time % 2 days));
    }

    function checkpoint(uint64 back) external {
        uint64 at = _before(back);
        Attestations.Checkpoint memory m = Attestations.Checkpoint(
            ROUTE, epoch, at, BLOCK, 0, _lockedAt[at], _refundedAt[at], uint64(block.timestamp)
        );
        try bridge.checkpoint(m, _signed(bridge.checkpointDigest(m), 3)) {
            _saw(at, m.cumulativeLocked - m.cumulativeRefunded);
        } catch {}
    }

    /// @dev A `rogue` quorum invents the totals; a leave is of an older height, of the set before, by a quorum of two, or by a stranger.
    function mint(uint64 nonce, uint256 amount, uint256 rogue, uint64 deadline, uint8 quorum, uint64 back, bool old) external {
        Attestations.MintAuth memory m;
        m.routeId = ROUTE;
        m.setEpoch = old && epoch > 1 ? epoch - 1 : epoch;
        m.nonce = nonce % 64;
        m.lockId = keccak256(abi.encode(nonce % 64));
        m.recipient = _holders[nonce % 3];
        m.amount = 1 + amount % 1e9;
        m.deadline = uint64(block.timestamp) - 1 + (deadline % 3600);
        m.ledgerHeight = _before(back);
        m.ledgerBlockHash = BLOCK;
        m.cumulativeLocked = rogue % 8 == 0 ? rogue % 1e12 : _lockedAt[m.ledgerHeight];
        m.cumulativeRefunded = rogue % 8 == 0 ? 0 : _refundedAt[m.ledgerHeight];
        bytes32 digest = bridge.mintDigest(m);
        bytes memory signatures = _signed(digest, quorum % 4 <= 1 ? 2 : 3);
        if (quorum % 4 == 1) signatures = abi.encodePacked(signatures, _strange(digest));
        try bridge.mint(m, signatures) {
            _minted(m, quorum % 4);
        } catch {}
    }

    function burn(uint256 who, uint256 amount) external {
        address holder = _holders[who % 3];
        uint256 balance = token.balanceOf(holder);
        if (balance == 0) return;
        amount = 1 + amount % balance;
        bytes28 body = bytes28(keccak256(abi.encode(who)));
        bytes32 recipient = bytes32(abi.encodePacked(body, bytes4(keccak256(abi.encodePacked(body)))));
        VM.prank(holder);
        token.approve(address(bridge), amount);
        VM.prank(holder);
        try bridge.burn(amount, recipient) {
            burned += amount;
        } catch {}
    }

    function rotate(uint256 seed, bool immediate) external {
        bytes memory signatures;
        uint256[] memory before = _keys;
        _sortKeys(2 + seed % 1e6);
        Attestations.RotateAttestors memory m =
            Attestations.RotateAttestors(ROUTE, epoch + 1, _addresses(), 3, height, immediate);
        uint256[] memory next = _keys;
        _keys = before;
        signatures = _signed(bridge.rotateDigest(m), 3);
        try bridge.rotate(m, signatures) {
            _keys = next;
            ++epoch;
        } catch {}
    }

    function _next() private {
        ++height;
        _lockedAt[height] = locked;
        _refundedAt[height] = refunded;
    }

    /// @dev Mostly the newest height, else one of the seven before.
    function _before(uint64 back) private view returns (uint64) {
        uint64 by = back % 16 > 7 ? 0 : back % 16;
        return height > by ? height - by : height;
    }

    function _minted(Attestations.MintAuth memory m, uint8 quorum) private {
        if (++timesMinted[m.nonce] > 1) repeated = true;
        if (block.timestamp > m.deadline) late = true;
        if (quorum == 0) thin = true;
        if (quorum == 1) foreign = true;
        minted += m.amount;
        ++mints;
        _saw(m.ledgerHeight, m.cumulativeLocked - m.cumulativeRefunded);
        if (minted > _newestBound) beyond = true;
    }

    function _saw(uint64 at, uint256 bound) private {
        if (bound > highestBound) highestBound = bound;
        if (at <= _newest) return;
        _newest = at;
        _newestBound = bound;
    }

    /// @dev A stranger's signature that comes after those of the first two attestors.
    function _strange(bytes32 digest) private returns (bytes memory) {
        uint256 key = 7e18;
        while (VM.addr(key) < VM.addr(_keys[1])) ++key;
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _signed(bytes32 digest, uint256 count) private returns (bytes memory all) {
        for (uint256 i = 0; i < count; ++i) {
            (uint8 v, bytes32 r, bytes32 s) = VM.sign(_keys[i], digest);
            all = abi.encodePacked(all, r, s, v);
        }
    }

    function _sortKeys(uint256 seed) private {
        delete _keys;
        for (uint256 i = 0; i < 4; ++i) {
            uint256 key = 1 + uint256(keccak256(abi.encode(seed, i))) % 1e30;
            _keys.push(key);
            for (uint256 j = i; j > 0 && VM.addr(_keys[j - 1]) > VM.addr(_keys[j]); --j) {
                (_keys[j - 1], _keys[j]) = (_keys[j], _keys[j - 1]);
            }
        }
    }

    function _addresses() private returns (address[] memory all) {
        all = new address[](_keys.length);
        for (uint256 i = 0; i < all.length; ++i) all[i] = VM.addr(_keys[i]);
    }
}

contract InvariantTest {
    Handler private handler;

    function setUp() external {
        handler = new Handler();
    }

    function targetContracts() external view returns (address[] memory all) {
        all = new address[](1);
        all[0] = address(handler);
    }

    function invariant_supply_is_minted_less_burned() external view {
        require(handler.token().totalSupply() == handler.minted() - handler.burned(), "S = M - B");
        require(handler.bridge().outstanding() == handler.minted() - handler.burned(), "outstanding");
        (, uint96 outstanding,,) = handler.token().standing(address(handler.bridge()));
        require(outstanding == handler.minted() - handler.burned(), "the token's own count");
    }

    function invariant_minted_is_bounded_by_what_was_attested() external view {
        require(handler.minted() <= handler.highestBound(), "M <= L* - F*");
    }

    function invariant_one_lock_mints_once_in_time_and_by_a_quorum() external view {
        require(!handler.repeated(), "nonce");
        require(!handler.late(), "deadline");
        require(!handler.thin() && !handler.foreign(), "quorum");
    }

    function invariant_the_newest_height_bounds_every_mint() external view {
        require(!handler.beyond(), "newest M <= L - F");
    }

    function invariant_the_bucket_bounds_even_a_rogue_quorum() external view {
        require(handler.minted() <= 2e9 + 1e5 * (block.timestamp - handler.startedAt()), "bucket");
    }
}
