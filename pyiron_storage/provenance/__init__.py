"""What made a stored object, and whether it is still there: versions, commits, sources, and names that have changed."""
