"""FioSynth's published workload suites, as workloads and limits."""
