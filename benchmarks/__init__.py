"""What dcp-engine costs to run, measured against the floor: `python -m benchmarks`."""
