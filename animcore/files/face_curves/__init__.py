"""Face curves as engines and capture apps write them."""
