"""Tests on real processes, sockets and disks: the devnet as a whole."""
