"""The SNIA SSS Performance Test Specification as plans: one small file per test, driven by data files."""
