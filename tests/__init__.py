"""Tests mirror the packages; simulation, mutants and fuzz are commands of their own."""
