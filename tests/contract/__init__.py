"""One contract with AWS, held against two emulators that know nothing of each other.

Each test arranges with plain boto3, calls through the engine's own classes and asserts what the
engine understood. It runs on every emulator that has the operations it is about:
`simulation` (moto with this project's additions) and `ministack` (see `ministack.py`).
"""
