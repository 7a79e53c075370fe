"""What pyiron_storage costs beside pickle, joblib and h5io: ``python -m benchmarks``."""
