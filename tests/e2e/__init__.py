"""Tests through the real command, over a socket."""

import pytest

# Their assertions are to show what was compared, as those in tests do.
pytest.register_assert_rewrite("tests.e2e.scene", "tests.e2e.processes")
