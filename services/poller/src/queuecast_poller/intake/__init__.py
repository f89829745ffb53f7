"""The intake: from a receive to a deleted message, for one queue. It carries out the verdicts of `judge`.

`intake` is the whole way. The rest are its parts: when to receive (`receivers`, `throttle`, `concurrency`),
what keeps messages hidden (`leases`), whether Redis answers (`bus_retry`, `bus_watch`), routes with `latest`
(`drain` and `conflation`), deletes (`acknowledger`), left messages (`left_messages`, `retry`), and what
operators are told (`queue_report`). Code belongs here if it acts on received messages. What a message means
is decided in `judge`; SQS's API stays in `sqs`.
"""
