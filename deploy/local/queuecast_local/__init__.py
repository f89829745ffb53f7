"""The whole of Queuecast on one machine without Docker: Redis, an SQS emulator, gateways and a poller.

For trying out and for tests: nothing here is meant for production.
"""
