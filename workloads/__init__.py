"""What to do: jobs, steps, plans; one small file per workload. Knows no engine, no file and no process."""
