"""One file per verb of the command line, each with a function ``run``."""
