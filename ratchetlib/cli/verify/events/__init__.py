"""What happens in a case of events, each a function from its inputs to its outputs that moves the world."""
