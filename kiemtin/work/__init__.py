"""The work owed to posts and sources: one module a queue, and the crew that runs them."""
