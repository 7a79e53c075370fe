"""The built-in kinds of columns, one module for each family; importing this registers them."""

from pyiron_storage.records.columns.kind import COLUMN_KINDS
from pyiron_storage.records.columns.kinds import (
    arrays,
    exact,
    moments,
    namedtuples,
    nodes,
    numbers,
    octets,
    reductions,
    rows,
    scalars,
    sequences,
    sets,
    slotted,
    text,
    utf8,
)
from pyiron_storage.records.columns.kinds.maps import MapColumn
from pyiron_storage.records.columns.kinds.mixed import MixedColumn
from pyiron_storage.records.columns.kinds.shared import RepeatedColumn, RowColumn

__all__ = [
    "arrays",
    "exact",
    "moments",
    "namedtuples",
    "nodes",
    "numbers",
    "octets",
    "reductions",
    "rows",
    "scalars",
    "sequences",
    "sets",
    "slotted",
    "text",
    "utf8",
]

for _kind in (RowColumn(), RepeatedColumn(), MixedColumn(), MapColumn()):  # asked in this order
    COLUMN_KINDS.add_other(_kind)
