"""The poller: messages of SQS queues become records on the bus, and are deleted once they are stored.

The rooms follow a message: `sqs` receives it, `unwrap` takes off its envelopes, `route` addresses it, `judge`
decides what becomes of it, and `intake` carries that out. `cli` has the operators' commands. At the top level
are the composition root (`app`) and what concerns all queues at once.
"""
