"""The back-ends: one module each; `registry` knows them by name."""
