"""Addressing: to which event, namespace and rooms a message goes, by its attributes or by routes. Pure.

`document` parses a routes file, `reading` makes its `model`, and `matching` applies that to a message.
`address` reads attributes, and `rules` joins environment and file for one queue. Only `loading` reads from
disk. What belongs here is about addresses; whether a message is published is decided in `judge`.
"""
