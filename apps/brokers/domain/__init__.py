"""The brokers' pure part: the ports that adapters fill, and the back-off between two attempts."""
