"""`python -m queuecast_local.sqs_emulator --port N`: the emulator on 127.0.0.1, until SIGTERM or Ctrl-C."""

import argparse

import uvloop

from queuecast_local.sqs_emulator.server import QueueServer, serve, steady_clock

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="queuecast_local.sqs_emulator", description="An SQS emulator in memory"
    )
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(QueueServer(steady_clock()), parser.parse_args().port))
