"""`som`, the command line: one file per noun, `verify.py` the light client. Its README.md is its specification."""
