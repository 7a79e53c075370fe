"""Rules for pandas: frames, series, indices, arrays and single values.

Each is written as the public pieces that it is made from, so that a file does not
depend on how one release of pandas is built inside: a frame as one array for each
column, an index as its values and name, a categorical as codes and categories.
What its pieces do not give back exactly goes by the pickle protocol, and so do
subclasses.  pandas is imported when the first such object is made, not before.
"""

from pyiron_storage.records.rules.pandas_objects import arrays, frames, indices, single_values

__all__ = ["arrays", "frames", "indices", "single_values"]
