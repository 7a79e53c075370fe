"""The storage model: groups, views of stored objects, metadata, transactions and classes that store themselves."""
