"""What the tests of `ftc augment` share: a server that goes wrong on request."""
