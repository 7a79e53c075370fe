"""The built-in kinds of columns, one module for each family; importing this registers them."""

from pyiron_storage.records.columns.kinds import arrays, nodes, numbers, rows, sequences, text

__all__ = ["arrays", "nodes", "numbers", "rows", "sequences", "text"]
