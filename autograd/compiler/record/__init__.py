"""What a call is: its arguments, and the graph that the function computes from them."""
