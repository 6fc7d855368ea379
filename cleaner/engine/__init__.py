"""Where maps run: worker processes that may die without taking the run with them."""
