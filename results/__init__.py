"""What was measured: measurements, histograms, the run file, statistics. Knows nothing of how it came about."""
