"""Make a model smaller: channel groups, importance, pruning, recovery. Is handed what things cost, never measures."""
