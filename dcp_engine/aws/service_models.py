"""botocore's descriptions of AWS's services, looked for as they are needed."""

from collections.abc import Sequence
from typing import cast, overload

from botocore.exceptions import DataNotFoundError
from botocore.loaders import Loader, create_loader


def service_models(data_path: str | None) -> Loader:
    """What a botocore session reads them with; `data_path` is the setting of that name of AWS's.

    botocore's own would look through the folders of all four hundred services to see whether the
    one that is asked for is among them.
    """
    usual = create_loader(data_path)
    return _Loader(usual.search_paths, include_default_search_paths=False)


class _Loader(Loader):
    def list_available_services(self, type_name: str) -> list[str]:
        # Whoever asks for a client asks whether its service is in it, and no more.
        return cast("list[str]", _Services(self, type_name))


class _Services(Sequence[str]):
    """The names of all services, of which each is looked for by itself."""

    def __init__(self, loader: Loader, kind: str) -> None:
        self._loader = loader
        self._kind = kind

    def __contains__(self, name: object) -> bool:
        try:
            return bool(self._loader.list_api_versions(str(name), self._kind))
        except DataNotFoundError:
            return False

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, which: int) -> str: ...
    @overload
    def __getitem__(self, which: slice) -> Sequence[str]: ...
    def __getitem__(self, which: int | slice) -> str | Sequence[str]:
        return self._all()[which]

    def _all(self) -> list[str]:
        return Loader.list_available_services(self._loader, self._kind)
