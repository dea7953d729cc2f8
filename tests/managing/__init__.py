"""The management routes: who may, what they do, and what they refuse."""
