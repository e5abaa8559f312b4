"""The live view of runs in a terminal: drawn anew in place, with what happens scrolling by above.

`rich` is imported here, and only here: whoever does not show a live view does not wait for it.
"""
