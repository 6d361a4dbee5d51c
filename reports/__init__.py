"""What people see: terminal, HTML, exchange formats. Drawn from run files alone."""
