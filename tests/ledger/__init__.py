"""Tests of the ledger: rules, properties, pinned bytes."""
