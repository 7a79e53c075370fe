"""Drawing what is stored: as a tree of text, as HTML with pictures, as plain data.

Nothing here imports a class of what is stored or runs its code, and only what is
shown is read.
"""
