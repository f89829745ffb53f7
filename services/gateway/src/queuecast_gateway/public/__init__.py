"""The public port: what comes before a request reaches the engine or the board.

Socket.IO does not belong here.

`web` is the server, `first_request` is where every connection begins, `http` reads requests within bounds,
`admission` limits how many connections there are, `headers` are those of each response.
"""
