"""The optimizer classes: arguments, groups, hooks, checkpoints; one for each rule, and L-BFGS."""
