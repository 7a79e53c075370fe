"""What is done with whole files: looked through, compared, copied, checked, compacted, searched and signed."""
