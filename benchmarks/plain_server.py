"""xllamacpp's own server with its defaults: `python -m benchmarks.plain_server MODEL [CONTEXT SLOTS]`.

It prints its address and ends when its standard input does, so that none is ever left over.
"""

import os
import sys

import xllamacpp


def main() -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = sys.argv[1]
    if len(sys.argv) > 2:
        parameters.n_ctx, parameters.n_parallel = int(sys.argv[2]), int(sys.argv[3])
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
