#!/usr/bin/env python
import os
import sys

from newsfeed.command_line import main

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsfeed.settings")
    main(sys.argv)
