"""The servers that Queuecast's gateway is compared with, each written as its users would."""
