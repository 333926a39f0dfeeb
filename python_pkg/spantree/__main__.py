"""``python -m spantree``."""

import sys

from spantree.cli import main

if __name__ == "__main__":
    sys.exit(main())
