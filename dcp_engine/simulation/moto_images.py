"""Keeps moto from loading its catalogue of machine images.

It holds some 1300 of them, costs a quarter of a second per reset, and each launch searches it. No
call this project makes asks for an image.
"""

from collections.abc import Callable

import moto.settings

_SETTING = "ec2_load_default_amis"


class MotoImages:
    """Switches the catalogue off, and back to what it was."""

    def __init__(self) -> None:
        self._before: Callable[[], bool] = vars(moto.settings)[_SETTING]

    def install(self) -> None:
        """From now on moto's EC2 starts without images."""
        vars(moto.settings)[_SETTING] = lambda: False

    def remove(self) -> None:
        """From now on moto's EC2 starts as it did before."""
        vars(moto.settings)[_SETTING] = self._before
