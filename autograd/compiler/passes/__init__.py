"""From recordings to a plan: batching, differentiation, expansion, fusion, scheduling."""
