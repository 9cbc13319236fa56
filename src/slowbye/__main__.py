"""``python -m slowbye``: the command line, where no entry point was installed."""

from slowbye.cli import main

if __name__ == "__main__":
    main()
