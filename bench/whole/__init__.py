"""The whole way compared with others: from a message on a queue to the pages of two gateways.

`queue` is the stub of SQS, `systems` what is compared, `run` one system's processes, `measures` what is done
to it, `report` the page.
"""
