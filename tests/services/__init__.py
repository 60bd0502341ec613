"""Real neighbours for the tests, started privately and gone with them."""
