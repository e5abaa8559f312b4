"""Threads of a long process share one heap where the C library would give each its own."""

import platform
import subprocess
import sys

from dcp_engine.heap import share_one_heap

HEAPS = """
import sys, threading
from dcp_engine.heap import share_one_heap
if sys.argv[1] == "shared":
    share_one_heap()
begun, over = threading.Barrier(13), threading.Event()
def work():
    kept = [bytes(2000) for _ in range(200)]
    begun.wait(); over.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads: thread.start()
begun.wait()
# glibc reserves 64 MB of addresses for the heap of a thread.
lines = open("/proc/self/maps").read().splitlines()
spans = [[int(edge, 16) for edge in line.split()[0].split("-")] for line in lines]
print(sum(begin % 2**26 == 0 and end - begin < 2**26 for begin, end in spans))
over.set()
"""
GLIBC = platform.libc_ver()[0] == "glibc"


def heaps(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", HEAPS, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_threads_have_no_heap_of_their_own() -> None:
    if GLIBC:
        assert heaps("as ever") == 12
        assert heaps("shared") == 0
    else:
        assert not share_one_heap()
