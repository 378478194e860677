#!/usr/bin/env python
import os
import signal
import sys

if __name__ == "__main__":
    # While Python still imports, Ctrl-C ends this like any program: without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsfeed.settings")
    from newsfeed.command_line import main

    main(sys.argv)
