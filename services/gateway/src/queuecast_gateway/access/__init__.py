"""Who a browser is, and what it may see and say."""
