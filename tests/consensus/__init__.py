"""Tests of consensus/: one file per group of rules; `scene` drives one replica by hand, `network` runs a few of them in memory."""
