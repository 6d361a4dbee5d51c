"""What is measured: one file per kind of device, each with how to open it and what it is."""
