"""`python -m dcp_engine` is the command `dcp-engine`."""

from dcp_engine.cli import main

main()
