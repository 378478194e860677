"""What bin/run starts: dev.stack."""

import signal
import sys

if __name__ == "__main__":
    # While Python still imports, Ctrl-C ends this like any program: without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from dev.stack import main

    sys.exit(main())
