"""Runs at fixed moments, and the pictures that the live view makes of them."""
