"""What notifications decides without any store or network: signatures, retries, the texts of messages."""
