"""Optimizers, their updates, schedules of the learning rate, clipping."""
