"""The gateway: records on the bus become events in browsers, and what browsers say becomes records."""
