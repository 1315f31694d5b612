"""The data plane: reads foreign rows once, writes canonical rows that both tools read."""
