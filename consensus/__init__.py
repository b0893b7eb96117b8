"""Kurultai, the consensus: events in, effects out. Pure; the standard library only. The rules are in README.md."""
