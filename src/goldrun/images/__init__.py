"""Images by name: how names are made, how one is found, why one is not."""
