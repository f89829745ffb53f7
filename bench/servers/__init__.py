"""The servers that Queuecast's gateway is compared with, each as its users would write it."""
