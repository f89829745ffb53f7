"""The intake beside others: who takes messages from SQS, judges them and puts them on Redis, at what cost."""
