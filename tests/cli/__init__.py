"""The command line: keystore, amounts, outbox, sending, and the light client against honest and lying nodes."""
