"""One heap for all threads of a process that has many of them for a long time.

glibc gives up to eight heaps for each core to a process's threads, so that they need not wait for
each other; Python's threads run one at a time anyway, and what is left over in each heap adds up:
to ninety megabytes with sixty threads that read answers of AWS.
"""

import ctypes
from contextlib import suppress
from typing import Final

# malloc.h of glibc; mallopt(3), M_ARENA_MAX.
_ARENA_MAX: Final = -8


def share_one_heap() -> bool:
    """Have threads that are started from now on use one heap; False where the C library has none.

    Only glibc has such heaps; others need nothing.
    """
    with suppress(OSError, AttributeError, TypeError):
        return bool(ctypes.CDLL(None).mallopt(_ARENA_MAX, 1))
    return False
