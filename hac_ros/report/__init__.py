"""The report of one or several runs: figures, and a page that holds them and needs nothing else."""
