"""What the informatization authority publishes; the only thing its neighbours may import."""
