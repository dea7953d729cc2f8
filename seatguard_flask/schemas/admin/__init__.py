"""What the management routes ask and answer, without Flask."""
