"""Optimizers, their update rules, schedules of the learning rate, and gradient clipping."""
