"""What `tests/gpu.py` runs: a module for each part, over a few that they share.

A part is a function `run_part(job)` in a module of its own, which `parts.py` lists. It prints what it finds, raises `Skip` where it
cannot be run and `Failure` where something is wrong. Modules use those before them: `outcome`, `interpreter`, `kit`, `runtime`,
`workload`, `bench`, the parts, `parts`, `prepare`.
"""
