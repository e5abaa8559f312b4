"""What this plugin raises; the texts are shown to people."""


class NotWritten(Exception):
    """A run's metrics could not be written."""
