"""The shipped speech face: lips, tongue, brows and emotion."""
