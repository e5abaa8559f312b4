"""An emulated AWS to rehearse against: moto with its gaps closed, and machines that really work."""
