"""`make bench`: this gateway compared with others, on one machine, in one run, by the kernel's accounting.

From the parts to the whole: `wire`, `ledger` → `member` → `crowd` (the clients); `events`, `msgpack` →
`publishers` (who sends to them); `accounting` (what it costs); `contestants` → `arena` → `measures` →
`standing` → `contest`, `report`.
"""
