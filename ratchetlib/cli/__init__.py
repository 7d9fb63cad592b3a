"""The command: a demonstration and the self-test. The only part of the package that reads, writes or prints."""
