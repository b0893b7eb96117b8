"""The whole bridge in one process, on histories that are drawn: `python -m tests.simulation_bridge`; see bridge/README.md."""
