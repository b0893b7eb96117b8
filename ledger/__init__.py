"""The money: a pure function (state, block, view key) -> (changes, receipts, roots). The rules are in README.md."""
