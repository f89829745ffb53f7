"""Routes: which messages go to whom as what, where their attributes do not say it.

`document` reads a file, `reading` makes its `model`, `matching` applies it to a message. All of it is pure
but `reload`, which has the file that is in force, and `dry_run`, a command.
"""
