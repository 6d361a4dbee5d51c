"""The binding to fio: job file, process, output, logs."""
