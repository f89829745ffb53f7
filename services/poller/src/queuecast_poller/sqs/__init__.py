"""Amazon SQS: queues, messages, calls, credentials, errors. No other room knows its API.

`queue` has the operations, and `client` makes the calls with `signature`, `transport` and `response`.
`credentials` asks the AWS SDK for credentials, region and endpoint. Code belongs here if it depends on how
SQS works; it does not look into bodies.
"""
