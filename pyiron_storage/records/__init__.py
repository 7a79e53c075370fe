"""Objects as records: how anything is taken apart, written as lines, looked at and put together again."""
