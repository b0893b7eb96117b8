"""Villains: f of n validators of one kind, each kind in a file of its own; what they may not bring about, and what they are caught at."""
