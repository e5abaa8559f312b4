"""A searcher for schedules of mishaps that break a promise: one world, two ways to drive it.

`World` is a run in the simulated AWS with everybody who may interfere with it, `ACTS` is what they
may do, and the promises are checked after every act. `tests/reliability/test_searcher.py` lets
hypothesis choose the acts, `python -m tests.chaos` a seeded random generator.
"""
