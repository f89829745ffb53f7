"""SNS in memory, beside the SQS emulator and on its port: standard topics whose subscribers are its queues.

A module belongs here if it implements SNS's API as clients see it. It refuses what it does not have.
"""
