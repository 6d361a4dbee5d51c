"""What every room needs and no room owns: errors, units, typed parameters, atomic files, child processes."""
