"""JSON Schemas for the data of events: one schema per event. Nothing is ever fetched.

`file` reads a file of schemas. `compiling` checks a schema and makes a validator; `patterns` translates
its regular expressions. `judging` validates data, and `wording` says what is wrong. What belongs here is
about JSON Schema; which events have one is for the services. https://json-schema.org/draft/2020-12
"""

from queuecast_edge.schemas.judging import MAX_VALUES, NO_SCHEMAS, Schemas
from queuecast_edge.schemas.wording import MAX_MISTAKE

__all__ = ["MAX_MISTAKE", "MAX_VALUES", "NO_SCHEMAS", "Schemas"]
