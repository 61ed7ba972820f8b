"""`python -m kiemtin` is the command line."""

from kiemtin.cli import main

main()
