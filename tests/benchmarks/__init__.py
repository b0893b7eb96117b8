"""Measurements of single parts; `make bench` measures the whole."""
