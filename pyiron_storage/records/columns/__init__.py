"""Many like things as columns: why a list of records costs little more than its bytes.

`kind` says what a kind of column is, `column` takes a list of values apart and puts
it together again, `kinds` has the built-in kinds, one module for each family.
"""
