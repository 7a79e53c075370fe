"""Files that several processes use: locks, memory maps, replacing as one step, and Ctrl-C in the middle."""
