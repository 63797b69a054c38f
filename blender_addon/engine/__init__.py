"""The engine as a child process, and its jobs."""
