"""Draw the pictures anew, after the live view was changed: `python -m tests.pictures`.

Writes docs/pictures/live.svg and the snapshots that tests/unit/cli/test_live_views.py compares the
views with. Look at what has changed (`git diff`) before you keep it.
"""

import os
import time

from tests.pictures.snapshots import FOLDER, as_text, printed, snapshots
from tests.pictures.svg import FILE, drawn


def main() -> None:
    """Write all of them."""
    # What is shown is local time.
    os.environ["TZ"] = "UTC"
    time.tzset()
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(drawn(), encoding="utf-8")
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    for name, lines in snapshots():
        (FOLDER / name).write_text(as_text(lines), encoding="utf-8")
    for name, text in printed():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
