"""Tests of the bridge: what is pure, the contracts in an EVM within the process, and with real nodes where they are installed."""
