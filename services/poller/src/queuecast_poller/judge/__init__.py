"""What becomes of a message: publish, leave, drop or fetch.

`verdict` has the verdicts as types, and `decision` finds the one for each message, without any I/O. `judge`
adds what a decision needs from outside: payloads from S3, and which namespaces are served. What belongs here
judges a message or looks something up for that; carrying verdicts out is the intake's.
"""
