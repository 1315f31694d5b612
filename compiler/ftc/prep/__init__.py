"""The data steps: raw material becomes canonical rows, and every row keeps its story."""
