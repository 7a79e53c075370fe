"""Reading the files of the neighbours: h5io, tinybase and bagofholding.

What they wrote is shown as the record of a stored object, so that browsing,
partial loading and `to_object` work as for any other; it is never written to.
"""
