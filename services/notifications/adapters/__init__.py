"""The outside of notifications: addresses on the internet and the HTTP calls made to them."""
