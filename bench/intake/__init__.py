"""The intake compared with others: taking messages from SQS, judging them, storing them; at what cost."""
