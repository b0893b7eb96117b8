"""Deliberate bugs, at least one per rule; each must be caught. `make mutants` runs them all."""
