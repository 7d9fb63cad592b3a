"""The only package that touches a cryptographic library. Importing it runs the self-test."""

from ratchetlib.primitives import selftest

selftest.require()
