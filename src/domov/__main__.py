"""`python -m domov`, for where the command is not on PATH."""

from domov.cli.main import main

main()
