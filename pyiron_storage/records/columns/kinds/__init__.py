"""The built-in kinds of columns, one module for each family; importing this registers them."""

from pyiron_storage.records.columns.kind import COLUMN_KINDS
from pyiron_storage.records.columns.kinds import arrays, nodes, numbers, rows, sequences, text
from pyiron_storage.records.columns.kinds.mixed import MixedColumn
from pyiron_storage.records.columns.kinds.shared import RepeatedColumn, RowColumn

__all__ = ["arrays", "nodes", "numbers", "rows", "sequences", "text"]

for _kind in (RowColumn(), RepeatedColumn(), MixedColumn()):  # asked in this order
    COLUMN_KINDS.add_other(_kind)
