"""The poller: messages of SQS queues become records on the bus, and are deleted once they are stored."""
