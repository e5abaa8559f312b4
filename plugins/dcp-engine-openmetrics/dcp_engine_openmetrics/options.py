"""What can be set in the table `[openmetrics]`."""

from datetime import timedelta
from pathlib import Path

import msgspec


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`directory` is what node_exporter is given as `--collector.textfile.directory`.

    `keep` is how long the file of a run stays there after the run has ended.
    """

    directory: Path
    keep: timedelta = timedelta(hours=24)

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if not self.directory.is_absolute():
            raise ValueError(
                f"directory is {self.directory}, which is another folder for each place where "
                "dcp-engine is started; write it from the root on, with / in front"
            )
        if self.keep < timedelta():
            raise ValueError("keep is less than nothing; 0s removes a run's file when it ends")
