"""Bodies to features, predictions and text, one file a protocol."""
