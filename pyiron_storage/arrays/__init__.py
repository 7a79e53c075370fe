"""Arrays as they lie in a storage: looked at, read and changed in part, and the checksums of their bytes."""
