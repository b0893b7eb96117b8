"""A node of an EVM chain over JSON-RPC, one blocking request after another: for tools run by hand (deployer, checker).

It holds no opinion on finality or on which of two nodes is right; that is the observer's business, in another file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.hexadecimal import decode_hex
from hexbytes import HexBytes
from msgspec import Struct
from requests.exceptions import RequestException
from web3 import Web3
from web3.exceptions import ContractLogicError, Web3Exception, Web3RPCError

from bridge.errors import ChainUnreachable, TransactionRefused
from bridge.stack import bounded

if TYPE_CHECKING:
    from web3.types import TxParams, TxReceipt

bounded()

REQUEST_SECONDS_MAX = 20
RECEIPT_SECONDS_MAX = 180
"""A few blocks of the slowest chain we serve; later the caller looks again by hash."""
RECEIPT_POLL_SECONDS = 0.1


class RpcLog(Struct, frozen=True):
    """One raw event of a transaction."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


class RpcReceipt(Struct, frozen=True):
    """A transaction in a block."""

    hash: bytes
    block: int
    gas: int
    contract: str
    """Address of the contract that it created, else empty."""
    logs: tuple[RpcLog, ...]


class RpcClient:
    """One node."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._web3 = Web3(Web3.HTTPProvider(url, request_kwargs={"timeout": REQUEST_SECONDS_MAX}))

    def chain_id(self) -> int:
        """Return the id that the node gives its chain.

        Raises
        ------
        ChainUnreachable
            The node does not answer.
        """
        try:
            return int(self._web3.eth.chain_id)
        except (Web3Exception, RequestException) as error:
            raise ChainUnreachable(url=self.url, reason=str(error)) from error

    def code(self, address: str) -> bytes:
        """Return the code at an address; empty when there is no contract."""
        try:
            return bytes(self._web3.eth.get_code(to_checksum_address(address)))
        except (Web3Exception, RequestException) as error:
            raise ChainUnreachable(url=self.url, reason=str(error)) from error

    def call(self, to: str, data: bytes) -> bytes:
        """Return what a contract answers in the newest block, without a transaction.

        Raises
        ------
        TransactionRefused
            The contract reverted.
        ChainUnreachable
            The node does not answer.
        """
        try:
            return bytes(self._web3.eth.call({"to": to_checksum_address(to), "data": HexBytes(data)}))
        except (ContractLogicError, Web3RPCError) as error:
            raise TransactionRefused(what=f"a call to {to}", data=_reason(error)) from error
        except (Web3Exception, RequestException) as error:
            raise ChainUnreachable(url=self.url, reason=str(error)) from error

    def send(self, secret: bytes, to: str | None, data: bytes) -> RpcReceipt:
        """Send a transaction and wait until a block has it; `to` None creates a contract.

        Raises
        ------
        TransactionRefused
            The contract reverted, when tried or in the block.
        ChainUnreachable
            The node does not answer, or no block took the transaction in time.
        """
        sender = Account.from_key(secret).address
        what = f"a transaction to {to}" if to else "a deployment"
        try:
            found = self._send(secret, sender, to, data)
        except (ContractLogicError, Web3RPCError) as error:
            raise TransactionRefused(what=what, data=_reason(error)) from error
        except (Web3Exception, RequestException) as error:
            raise ChainUnreachable(url=self.url, reason=str(error)) from error
        if found["status"] != 1:
            raise TransactionRefused(what=f"{what} ({bytes(found['transactionHash']).hex()})", data=b"")
        return _receipt(found)

    def _send(self, secret: bytes, sender: str, to: str | None, data: bytes) -> TxReceipt:
        eth = self._web3.eth
        params: TxParams = {"from": to_checksum_address(sender), "data": HexBytes(data)}
        if to:
            params["to"] = to_checksum_address(to)
        gas = eth.estimate_gas(params)
        filled = {
            "to": to_checksum_address(to) if to else b"",
            "data": data,
            "value": 0,
            "gas": gas,
            "gasPrice": int(eth.gas_price),
            "nonce": int(eth.get_transaction_count(to_checksum_address(sender))),
            "chainId": int(eth.chain_id),
        }
        sent = eth.send_raw_transaction(Account.sign_transaction(filled, secret).raw_transaction)
        return eth.wait_for_transaction_receipt(sent, timeout=RECEIPT_SECONDS_MAX, poll_latency=RECEIPT_POLL_SECONDS)


def _receipt(found: TxReceipt) -> RpcReceipt:
    logs = tuple(
        RpcLog(str(one["address"]).lower(), tuple(bytes(topic) for topic in one["topics"]), bytes(one["data"])) for one in found["logs"]
    )
    return RpcReceipt(
        hash=bytes(found["transactionHash"]),
        block=int(found["blockNumber"]),
        gas=int(found["gasUsed"]),
        contract=str(found["contractAddress"] or "").lower(),
        logs=logs,
    )


def _reason(error: Exception) -> bytes:
    """Return the revert data of an error, wherever the library put it."""
    data = getattr(error, "data", None)
    if isinstance(error, Web3RPCError) and error.rpc_response is not None:
        data = error.rpc_response.get("error", {}).get("data", data)
    return decode_hex(data) if isinstance(data, str) and data.startswith("0x") else b""
