"""Jobs that people have: completing rows, telling what is new, clustering, each by a memory."""
