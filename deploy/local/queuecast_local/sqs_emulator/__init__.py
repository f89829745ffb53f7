"""An SQS emulator in memory: it keeps the order of FIFO groups with any number of consumers, and stays fast
with a deep queue.

It is for trying out and for tests: it checks no signatures, and forgets everything when it ends. A module
belongs here if it implements SQS's API as clients see it.
"""
