"""``python -m seatguard_flask.cli``: the command line where the script is not on the path."""

from seatguard_flask.cli import main

main()
