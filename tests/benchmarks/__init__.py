"""The benchmarks still run; what they measure is asserted nowhere but for counts."""
