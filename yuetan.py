"""The front door: the command line, and the only place that wires the parts together."""

import sys


def main() -> None:
    sys.exit("yuetan: nothing to run yet")


if __name__ == "__main__":
    main()
