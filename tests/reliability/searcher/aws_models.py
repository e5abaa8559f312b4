"""botocore's service models, read once: processes that are often restarted read them often."""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any
from unittest import mock

from botocore.loaders import JSONFileLoader, Loader


@functools.cache
def _read(path: str) -> Any:
    return JSONFileLoader().load_file(path)


class _ReadOnce(JSONFileLoader):
    def load_file(self, file_path: str) -> Any:
        return _read(file_path)


@contextlib.contextmanager
def models_read_once() -> Iterator[None]:
    """Have new botocore sessions share what others have read already."""
    with mock.patch.object(Loader, "FILE_LOADER_CLASS", _ReadOnce):
        yield
