"""The gateway: records on the bus become events in browsers, and relayed events become records."""
