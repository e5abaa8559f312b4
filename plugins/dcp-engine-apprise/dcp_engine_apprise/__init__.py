"""Tells about dcp-engine's runs by e-mail, Teams, Discord, SNS, ntfy: whatever apprise speaks."""
