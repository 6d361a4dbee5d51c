"""The certificate: what a customer reads, drawn from the run file alone."""
