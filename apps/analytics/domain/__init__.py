"""Pure: figures over closed trades."""
