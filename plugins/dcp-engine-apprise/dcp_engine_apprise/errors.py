"""What this plugin raises; the texts are shown to people."""


class NotTold(Exception):
    """A message did not reach every address."""
