"""Changes of a file that are there as a whole or not at all: kept aside, committed, and ended after a crash."""
