"""Makes performances: requests to the engine, and what becomes of the answers."""
