"""`make bench`: this gateway compared with others, on one machine, in one run, by the kernel's accounting.

From the parts to the whole: `wire`, `events`, `dialects`, `addressed`, `ledger` → `member` → `crowd` (the
clients); `msgpack` → `publishers` (who sends to them); `accounting` (what it costs); `builds` →
`contestants` → `arena` → `load`, `pace` → `measures`, `extra_measures` → `standing` → `contest`, `footprint`,
`report`. `intake` and `whole` are benches of their own; `environments` → `interpreters` uses both services'.
"""
