"""Watches cloud image-analysis runs and sees each one safely to its end."""

__version__ = "0.1.0"
