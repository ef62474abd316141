"""The intermediate representation: a tape of instructions, its listing, and patterns of instructions."""
