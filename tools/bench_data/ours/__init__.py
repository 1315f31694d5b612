"""Our own steps at the same work as the peers, called as the runner calls them."""
