"""`python -m clearance`, and the console script."""

from clearance.cli.main import main

if __name__ == "__main__":
    main()
