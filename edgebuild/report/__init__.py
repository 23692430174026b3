"""What people and machines are shown: tables for a terminal, values for JSON."""
