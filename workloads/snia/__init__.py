"""The SNIA SSS Performance Test Specification as plans: one small file per test, driven by data files.

What a step is stands in its labels, which is all that analyses, limits and the check of conformance go by:

* `test`: iops, throughput, latency, wsat, hir, xsr, cbw, dirth; `part`: of throughput, the block size, `128KiB`;
* `phase`: purge; wipc (preconditioning in order); precondition (writes that are brought to a steady state); prewrite;
  round (one element of one); minute (a one-minute sample); access and idle (of HIR); histogram (a long capture);
* `round`: from 1. A `precondition` of HIR and a `minute` of WSAT have it only where the steady state is decided;
* `minute`: from 1, within preconditioning (HIR), the test (WSAT), a `group` (XSR), the baseline after a `wait` (HIR);
* `pass`, `slice`: of wipc, slice 0 for the last part of a block; `wait`, `repeat`: of HIR; `point`: max, mid or min;
* `block_size` (0 for a mix), `read_percent`, `threads`, `queue_depth` (of each thread): the load.
"""
