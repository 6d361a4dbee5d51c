"""The model engine: jobs on a device model in virtual time, in this process, without waiting."""
