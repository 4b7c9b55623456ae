"""The e-government's part: messages in the producer's personal account, and signed webhooks to consumers."""
