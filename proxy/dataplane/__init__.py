"""A worker: carries traffic. Small: no numpy, no aiohttp."""
