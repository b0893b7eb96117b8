"""`make bench`: figures of a real devnet as shares of the limit measured in the same run. A benchmark, not a timed test."""
