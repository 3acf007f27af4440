"""What may happen: aggregates, events, policy and the working-day calendar. No I/O."""
