"""What `make bench` runs: each number beside its floor, measured in the same run."""
