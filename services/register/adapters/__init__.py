"""The outside of the register: typesetting extracts and sealing them."""
