"""Files that start real backends come first: no worker is left alone with one at the end."""

from collections import Counter


def pytest_collection_modifyitems(items):
    slow = Counter(item.path for item in items if item.get_closest_marker("backend"))
    items.sort(key=lambda item: -slow[item.path])
