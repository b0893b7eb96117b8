"""The committed byte code under test; the sources are in bridge/contracts/src."""
