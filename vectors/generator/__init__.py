"""The generator of the test vectors, one module a file or a family of files."""
