"""The catalogue: one file per group of types, each with its `apply_` functions."""
