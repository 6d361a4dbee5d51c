"""What CI services read: one small file for each format, all drawn from one `Answer`."""
