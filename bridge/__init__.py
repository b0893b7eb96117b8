"""Public chains: what is locked here may circulate there, never more. Its own process and keys; imports only the ledger.

See bridge/contracts/README.md for the contracts, and bridge/digests.py for what attestors sign.
"""
