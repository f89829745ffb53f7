"""What the images are made of: the pins, their licences, what is known against them. No service has it."""
