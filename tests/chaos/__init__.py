"""The chaos command: `python -m tests.chaos --help`."""
