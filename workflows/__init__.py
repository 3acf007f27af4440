"""What should happen next, and when: the stories over time, and what keeps them going."""
