"""The informatization authority: confirms producers per product, monitors them, decides appeals."""
