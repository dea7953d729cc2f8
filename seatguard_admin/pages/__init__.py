"""The pages, a module for each slice. They call the engine's services and decide nothing."""
