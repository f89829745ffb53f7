"""Who is there: how many are in a room on all replicas, and who, for pages that ask.

`own_part` is what this replica adds, `announcements` writes it to Redis under a lease and reads what the
others announce, and `totals` adds up the parts of all. `tracker` notes who enters and leaves, exchanges parts
again and again, and tells the browsers that watch. `view` is what an operator sees. See docs/decisions/0013.
"""
