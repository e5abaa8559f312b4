"""An examination before a run, or of a live one: is everything as it has to be, and what to do?

It changes nothing in AWS and writes nothing in the database.
"""
