"""How much one browser, address or key may ask of the gateway, and in what form. Whoever asks acts on it."""
