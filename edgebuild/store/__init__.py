"""Everything on disk: project files, the cache, bundles, evidence, the lock."""
