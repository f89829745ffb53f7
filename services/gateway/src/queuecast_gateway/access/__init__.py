"""Authentication and authorization: who a browser is, which rooms it may join, which events it may send.

`authenticator` verifies a token by `tokens`, whose keys come from `keys`, `jwks` (with `download`) or
`secret_file`. `grant` reads the claims, `identities` keeps who is on which socket. `hosts` and `origins` say
which names and pages are let in. Counting and slowing down belong to `limits`, connections to `server` and
`engine`.
"""
