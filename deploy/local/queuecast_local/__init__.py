"""All of Queuecast on one machine without Docker: Redis, an SQS emulator, gateways and a poller.

It is for trying Queuecast out and for tests, not for production. A module belongs here if `make run` or `make
send` needs it; the services import nothing of this.
"""
