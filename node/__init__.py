"""The async shell around the two pure cores: configuration, sockets, disk, clients. What it promises is in README.md."""
