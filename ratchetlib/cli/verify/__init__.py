"""`verify`: the library against the published test vectors.

Each kind of case is a function from inputs to outputs. The generator of the vectors calls the same functions, so that
what is published is what is checked; that the values are right shows a second implementation.
"""
