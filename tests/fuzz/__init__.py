"""Mutation of valid messages through every decoder that reads what others wrote."""
