"""What drives: command line, runner, journal, engines, telemetry."""
