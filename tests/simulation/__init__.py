"""A whole network in one process, from one seed: production replica, journal and signer; clock, links, disk and signatures replaced."""
