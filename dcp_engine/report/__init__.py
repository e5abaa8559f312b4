"""A run as one page: what `dcp-engine report` and the teardown step `report` write.

Everything here turns a `Picture` into words, numbers and drawings, and the same picture into the
same ones. Nothing is asked, stored or drawn by a script.
"""
