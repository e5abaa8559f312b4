"""The engine's memory: what it is asked for (`protocol`) and SQLite as the embedded default."""
