"""AWS lives here and nowhere else: sessions, retries, the error taxonomy, one file per service."""
