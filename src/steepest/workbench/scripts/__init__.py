"""Training scripts that know nothing of the workbench: how one is run, and what it says."""
