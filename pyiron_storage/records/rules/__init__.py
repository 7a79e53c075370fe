"""The built-in rules, one module for each family of types; importing this registers them."""

from pyiron_storage.records.rules import values  # noqa: I001  predicates: later ones are asked first
from pyiron_storage.records.rules import containers
from pyiron_storage.records.rules import objects
from pyiron_storage.records.rules import exceptions
from pyiron_storage.records.rules import methods
from pyiron_storage.records.rules import arrays
from pyiron_storage.records.rules import code
from pyiron_storage.records.rules import instances
from pyiron_storage.records.rules import array_subclasses
from pyiron_storage.records.rules import standard
from pyiron_storage.records.rules import tables
from pyiron_storage.records.rules import object_arrays
from pyiron_storage.records.rules import pandas_objects
from pyiron_storage.records.rules import sparse_matrices
from pyiron_storage.records.rules import tensors
from pyiron_storage.records.rules import registered

__all__ = [
    "array_subclasses",
    "arrays",
    "code",
    "containers",
    "exceptions",
    "instances",
    "methods",
    "object_arrays",
    "objects",
    "pandas_objects",
    "registered",
    "sparse_matrices",
    "standard",
    "tables",
    "tensors",
    "values",
]
