"""The shell: files, journal, signer, store, pool, wire, listeners."""
