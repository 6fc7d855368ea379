"""The main content of a page: blocks, what is measured of them, and the model that tells content from chrome."""
