"""Who may run what when something is loaded: the names that are admitted, and the keys that sign."""
