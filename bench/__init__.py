"""`make bench`: this gateway beside others, on one machine and in one run, by the kernel's accounting.

From small to whole: `wire`, `ledger` → `member` → `crowd` (the clients); `events`, `msgpack` → `publishers`
(who speaks to them); `accounting` (what it costs); `contestants` → `arena` → `measures` → `standing` →
`contest`, `report`.
"""
