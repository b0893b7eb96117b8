"""Random histories of the ledger against models of dicts that share no code with it (invariant 24): `make simulate-ledger`."""
