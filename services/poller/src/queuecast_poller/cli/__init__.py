"""Commands for operators: `dead-letters` and `route`. A module belongs here if only a command uses it; the
running poller imports nothing of this.
"""
