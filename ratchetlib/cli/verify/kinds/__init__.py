"""The kinds of cases that are functions: inputs in, outputs out, a refusal raised."""
