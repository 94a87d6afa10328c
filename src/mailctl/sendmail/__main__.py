"""`python -m mailctl.sendmail`: the program where its script is not installed."""

from mailctl.sendmail import main

main()
