"""A network on this machine: genesis, processes, readiness, faults, load, the demonstration day. For developers, never for real money."""
