"""What executes jobs: one folder or file per engine."""
