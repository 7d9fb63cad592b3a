"""What the demonstration shows, one scene a module. Each scene prints its own section and counts its checks."""
