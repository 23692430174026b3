"""The road up to the bundle: stage order, cache keys, lineage. Straight through, once."""
