"""An SQS emulator in memory: it keeps the order of FIFO groups whoever asks, and stays fast on a deep queue.

For trying out and for tests: it checks no signature, and forgets everything when it ends.
"""
