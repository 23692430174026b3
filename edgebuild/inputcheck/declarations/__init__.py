"""Other declarations that samples might need, by what they change: numbers, orders, memory, pictures, sound."""
