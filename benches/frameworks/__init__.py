"""What `peers.py` runs: arguments, and each framework's programs on them."""
